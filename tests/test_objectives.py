"""What models are trained on, held against the formulas of their sources."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from bench.base import keys
from bench.stages.training import core
from models.autoencoder import Autoencoder
from models.cnn import CNNPlain
from models.contrastive import Contrastive, _turns, contrast, mirrors_are_alike
from models.contrastive_hand_crafted import ContrastiveHandCrafted
from models.dnn import DNN, Denoising, Sparse
from models.fisher import Fisher
from models.hand_crafted import HOG, ColorHistogram
from models.idec import IDEC
from models.named import find
from models.residual import Masked, Residual
from models.variational import Variational
from tests.conftest import ROOT, make_images
from tests.test_models import walk

SHAPE = (3, 32, 32)


@pytest.fixture(scope="module")
def x():
    return core.normalize(core.to_device(make_images(12)[0], torch.device("cpu")))


def test_what_is_trained_on_is_by_default_the_error(x):
    model = DNN(SHAPE)
    assert model.objective(x) == functional.mse_loss(model(x)[1], x)


@pytest.mark.parametrize(
    ("plain", "model", "settings"),
    [
        (DNN, Denoising, {"noise": 0.0}),
        (DNN, Sparse, {"weight": 0.0}),
        (Residual, Masked, {"share": 0.0}),
    ],
)
def test_without_its_twist_a_variant_is_the_plain_model(plain, model, settings, x):
    one, other = (core.build(lambda s: model(s, **settings), SHAPE, 3), core.build(plain, SHAPE, 3))
    assert list(one.state_dict()) == list(other.state_dict())
    assert torch.equal(one(x)[0], other(x)[0])
    assert one.objective(x) == other.objective(x)
    assert model.family == ("dnn" if plain is DNN else "residual")


@pytest.mark.parametrize("model", [Denoising, Masked])
def test_what_is_drawn_depends_on_the_generator_alone(model, x):
    network = core.build(model, SHAPE, 0)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(float(network.objective(x).detach()))
    assert found[0] == found[1] != found[2]


def test_noise_is_put_on_what_is_seen_and_not_on_what_is_sought(x):
    network = core.build(Denoising, SHAPE, 0)
    torch.manual_seed(5)
    loss = network.objective(x)
    torch.manual_seed(5)
    noisy = x + 0.3 * torch.randn_like(x)
    assert loss == functional.mse_loss(network(noisy)[1], x)


def test_half_of_the_patches_are_hidden_whole(x):
    network = Masked(SHAPE)
    seen = []
    network.forward = lambda shown: (seen.append(shown), shown)
    network.objective(x)
    (shown,) = seen
    patches = shown.unfold(2, 4, 4).unfold(3, 4, 4).flatten(4)
    whole = x.unfold(2, 4, 4).unfold(3, 4, 4).flatten(4)
    hidden = (patches == 0).all(-1).all(1)
    kept = (patches == whole).all(-1).all(1)
    assert (hidden | kept).all()
    assert 0.4 < hidden.float().mean() < 0.6
    assert hidden.float().mean((1, 2)).std() > 0  # each image has a mask of its own


def test_the_sparse_one_pays_for_the_size_of_its_code(x):
    network = core.build(Sparse, SHAPE, 0)
    code, reconstruction = network(x)
    expected = functional.mse_loss(reconstruction, x) + 0.05 * code.abs().mean()
    torch.testing.assert_close(network.objective(x), expected)
    recipe = core.Recipe(20, 1e-3, 6)
    images = core.to_device(make_images(12)[0], torch.device("cpu"))
    sizes = []
    for weight in (0.0, 3.0):
        trained = core.build(lambda s, w=weight: Sparse(s, weight=w), SHAPE, 0)
        core.train(trained, images, recipe, 0)
        sizes.append(float(core.encode(trained, images)[0].abs().mean()))
    assert sizes[1] < sizes[0] / 2


def test_the_variational_one_pays_torchs_divergence(x):
    network = core.build(lambda s: Variational(s, beta=3.0, code=5), SHAPE, 0)
    trunk, to_mean = network.encoder.children()
    hidden = trunk(x)
    deviation = (network.log_variance(hidden) / 2).exp()
    posterior = torch.distributions.Normal(to_mean(hidden), deviation)
    divergence = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0, 1))
    torch.manual_seed(4)
    found = network.objective(x)
    torch.manual_seed(4)
    drawn = posterior.mean + deviation * torch.randn_like(deviation)
    error = functional.mse_loss(network.decoder(drawn), x)
    torch.testing.assert_close(found, error + 3 * divergence.sum(1).mean() / 3072)
    assert torch.equal(network(x)[0], posterior.mean)


class TestIDEC:
    @pytest.fixture
    def network(self):
        return core.build(lambda s: IDEC(s, clusters=3, gamma=0.7), SHAPE, 0)

    def test_soft_and_sharp_assignments_are_the_papers(self, network, x):
        """Xie et al. 2016, equations 1 to 3, written out one by one."""
        codes = network.encoder(x).detach()
        with torch.no_grad():
            network.centers.copy_(codes[:3])
            network.joint.fill_(1)
        z, centers = codes.numpy(), network.centers.detach().numpy()
        q = np.array([[1 / (1 + ((a - c) ** 2).sum()) for c in centers] for a in z])
        q /= q.sum(1, keepdims=True)
        np.testing.assert_allclose(network.assign(codes).detach().numpy(), q, rtol=1e-4)
        f = q.sum(0)
        p = q**2 / f
        p /= p.sum(1, keepdims=True)
        divergence = (p * np.log(p / q)).sum() / len(q)
        network.sizes.copy_(torch.from_numpy(f))
        error = functional.mse_loss(network(x)[1], x)
        expected = float(error.detach()) + 0.7 * divergence
        assert float(network.objective(x)) == pytest.approx(expected, rel=1e-4)

    def test_there_are_centers_from_half_of_the_epochs_on(self, network, x):
        def encode():
            return network.encoder(x).detach()

        network.begin_epoch(0.0, x, encode)
        network.begin_epoch(0.49, x, encode)
        assert not network.joint
        assert not network.centers.any()
        network.begin_epoch(0.5, x, encode)
        assert network.joint
        assert len(network.centers.unique(dim=0)) == 3
        torch.testing.assert_close(network.sizes.sum(), torch.tensor(12.0))
        before = network.centers.clone()
        network.begin_epoch(0.9, x, encode)
        assert torch.equal(network.centers, before)  # from then on they are learned

    def test_it_learns_its_centers(self):
        images = core.to_device(make_images(40)[0], torch.device("cpu"))
        network = core.build(lambda s: IDEC(s, clusters=2), SHAPE, 0)
        core.train(network, images, core.Recipe(6, 1e-3, 10), 0)
        codes, _ = core.encode(network, images)
        found = network.assign(codes).argmax(1).numpy()
        labels = make_images(40)[1]
        assert max((found == labels).mean(), (found != labels).mean()) > 0.9

    def test_without_weight_it_is_an_autoencoder(self, x):
        network = core.build(lambda s: IDEC(s, gamma=0.0), SHAPE, 0)
        network.begin_epoch(0.9, x, lambda: pytest.fail("codes are not needed"))
        assert network.objective(x) == functional.mse_loss(network(x)[1], x)


class TestContrastive:
    def test_the_loss_is_simclrs(self):
        """Chen et al. 2020, equation 1, written out pair by pair."""
        z = torch.randn(10, 6, generator=torch.Generator().manual_seed(0)).double()
        unit = (z / z.norm(dim=1, keepdim=True)).numpy()
        alike = np.exp(unit @ unit.T / 0.3)
        losses = []
        for i in range(10):
            others = alike[i].sum() - alike[i, i]
            losses.append(-np.log(alike[i, (i + 5) % 10] / others))
        assert float(contrast(z, 0.3)) == pytest.approx(np.mean(losses))

    def test_the_whole_objective_is_that_and_the_clean_images_error(self, x):
        network = core.build(lambda s: Contrastive(s, weight=3.0), SHAPE, 0)
        torch.manual_seed(1)
        found = network.objective(x)
        torch.manual_seed(1)
        code = network.encoder(torch.cat([network.view(x), network.view(x)]))
        error = functional.mse_loss(network.decoder(code[: len(x)]), x)
        torch.testing.assert_close(found, contrast(network.projector(code), 0.5) + 3 * error)

    def test_views_are_images_and_each_another(self, x):
        network = Contrastive(SHAPE)
        one, other = network.view(x), network.view(x)
        assert one.shape == x.shape
        assert one.abs().max() <= 1
        assert not torch.allclose(one, other)
        assert not torch.allclose(one[0] - x[0], one[1] - x[1])

    def test_views_of_gray_images_are_gray(self):
        gray = torch.rand(6, 1, 32, 32).expand(6, 3, 32, 32) * 2 - 1
        view = Contrastive(SHAPE).view(gray)
        torch.testing.assert_close(view[:, 0], view[:, 1], atol=1e-5, rtol=0)
        torch.testing.assert_close(view[:, 0], view[:, 2], atol=1e-5, rtol=0)

    def test_without_jitter_colors_stay(self, x):
        network = Contrastive(SHAPE, jitter=0.0)
        network.eval()
        colorful = torch.full((4, 3, 32, 32), 0.5)
        colorful[:, 0] = -0.5
        views = network._recolored(colorful)
        kept = [torch.allclose(view, colorful[0], atol=1e-5) for view in views]
        drained = [torch.allclose(view[0], view[1], atol=1e-5) for view in views]
        assert all(a or b for a, b in zip(kept, drained, strict=True))

    def test_a_hue_is_a_turn_about_gray(self):
        turn = _turns(torch.tensor([0.0, 0.7, 2 * math.pi / 3]))
        torch.testing.assert_close(turn[0], torch.eye(3))
        torch.testing.assert_close(turn[1] @ turn[1].T, torch.eye(3))
        torch.testing.assert_close(turn[1] @ torch.ones(3), torch.ones(3))
        red, green, blue = torch.eye(3)
        assert any(torch.allclose(turn[2] @ red, other, atol=1e-6) for other in (green, blue))

    def test_views_are_mirrored_only_where_mirrors_are_alike(self):
        random = np.random.default_rng(0)
        ramps = np.linspace(0, 200, 32)[None, None, :, None] + random.integers(
            0, 40, (30, 32, 1, 3)
        )
        ramps = np.broadcast_to(ramps, (30, 32, 32, 3)).astype(np.uint8)
        one_way = core.to_device(ramps, torch.device("cpu"))
        both_ways = torch.cat([one_way[:15], one_way[15:].flip(3)])
        assert not mirrors_are_alike(one_way)
        assert mirrors_are_alike(both_ways)
        assert not mirrors_are_alike(one_way[:1])
        network = Contrastive(SHAPE)
        network.begin_epoch(0.0, both_ways, lambda: pytest.fail("codes are not needed"))
        assert network.mirrored == 0.5
        network.begin_epoch(0.5, one_way, lambda: pytest.fail("codes are not needed"))
        assert network.mirrored == 0.5  # settled once

    def test_it_bears_a_last_batch_of_one_image(self):
        images = core.to_device(make_images(9)[0], torch.device("cpu"))
        history = core.train(core.build(Contrastive, SHAPE, 0), images, core.Recipe(1, 1e-3, 8), 0)
        assert np.isfinite(history[0])


class TestContrastiveHandmade:
    def test_both_parts_weigh_the_same_when_the_training_is_over(self):
        images = core.to_device(make_images(40)[0], torch.device("cpu"))
        network = core.build(ContrastiveHandCrafted, SHAPE, 0)
        core.train(network, images, core.Recipe(2, 1e-3, 20), 0)
        codes, _ = core.encode(network, images)
        assert codes.shape == (40, 192 + 640)
        spreads = [part.var(0, correction=0).sum() for part in (codes[:, :192], codes[:, 192:])]
        torch.testing.assert_close(spreads[0], torch.tensor(1.0), rtol=1e-3, atol=0)
        torch.testing.assert_close(spreads[1], torch.tensor(1.0), rtol=1e-3, atol=0)

    def test_it_learns_what_the_contrastive_one_learns(self):
        images = core.to_device(make_images(40)[0], torch.device("cpu"))
        one, other = (core.build(of, SHAPE, 0) for of in (Contrastive, ContrastiveHandCrafted))
        recipe = core.Recipe(2, 1e-3, 20)
        assert core.train(one, images, recipe, 0) == core.train(other, images, recipe, 0)
        learned, loss = core.encode(one, images)
        codes, same = core.encode(other, images)
        torch.testing.assert_close(codes[:, :192] * other.spreads[0], learned)
        assert loss == same

    def test_its_results_are_kept_by_the_text_of_its_parts(self):
        texts = keys._class_texts(ContrastiveHandCrafted)
        for part in ("hand_crafted", "contrastive", "contrastive_hand_crafted"):
            assert (ROOT / "models" / f"{part}.py").read_text() in texts


class TestFisher:
    @pytest.fixture
    def network(self):
        network = core.build(lambda s: Fisher(s, words=4, components=6), SHAPE, 0)
        images = core.to_device(make_images(40)[0], torch.device("cpu"))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network.begin_epoch(0.0, images, lambda: pytest.fail("codes are not needed"))
        return network

    def test_a_code_is_the_gradient_of_the_log_likelihood(self, network, x):
        """Sánchez et al. 2013, equations 16 to 18, by torch's own gradients."""
        fitted = network.encoder
        points = (fitted.patches(x[:1])[0].double() - fitted.middle) @ fitted.axes
        means, deviations = (
            part.clone().requires_grad_() for part in (fitted.means, fitted.deviations)
        )
        normals = torch.distributions.Independent(torch.distributions.Normal(means, deviations), 1)
        words = torch.distributions.Categorical(fitted.shares)
        mixture = torch.distributions.MixtureSameFamily(words, normals)
        mixture.log_prob(points).mean().backward()
        shares, scales = fitted.shares[:, None].sqrt(), fitted.deviations
        gradients = torch.cat(
            [means.grad * scales / shares, deviations.grad * scales / (2**0.5 * shares)], 1
        ).flatten()
        expected = functional.normalize(gradients.sign() * gradients.abs().sqrt(), dim=0)
        torch.testing.assert_close(network(x[:1])[0][0], expected.float())

    def test_the_mixture_fits_patches_better_than_one_normal_distribution(self, network):
        def likelihood(points, means, deviations, shares):
            normals = torch.distributions.Normal(means, deviations)
            each = normals.log_prob(points[:, None]).sum(2) + shares.log()
            return float(each.logsumexp(1).mean())

        fitted = network.encoder
        images = core.to_device(make_images(40)[0], torch.device("cpu"))
        patches = fitted.patches(core.normalize(images)).flatten(0, 1).double()
        points = (patches - fitted.middle) @ fitted.axes
        one = points.mean(0, keepdim=True), points.std(0, keepdim=True), torch.ones(1)
        mixture = fitted.means, fitted.deviations, fitted.shares
        assert likelihood(points, *mixture) > likelihood(points, *one)
        torch.testing.assert_close(fitted.shares.sum(), torch.tensor(1.0).double())

    def test_training_changes_the_decoder_alone(self):
        images = core.to_device(make_images(20)[0], torch.device("cpu"))
        codes = []
        for epochs in (1, 3):
            network = core.build(lambda s: Fisher(s, words=3, components=5), SHAPE, 0)
            history = core.train(network, images, core.Recipe(epochs, 1e-3, 10), 0)
            codes.append(core.encode(network, images)[0])
        assert history[-1] < history[0]
        assert torch.equal(*codes)
        assert not list(network.encoder.parameters())

    @pytest.mark.parametrize("side", [32, 64, 96, 128])
    def test_it_works_at_any_size(self, side):
        image = torch.rand(2, 3, side, side) * 2 - 1
        code, reconstruction = Fisher((3, side, side)).eval()(image)
        assert code.shape == (2, 3072)
        assert reconstruction.shape == image.shape
        torch.testing.assert_close(code.norm(dim=1), torch.ones(2))

    @pytest.mark.parametrize("value", [0, 200])
    def test_it_bears_images_that_are_all_one(self, value):
        images = torch.full((6, 3, 32, 32), value, dtype=torch.uint8)
        network = core.build(Fisher, SHAPE, 0)
        core.train(network, images, core.Recipe(1, 1e-3, 6), 0)
        assert torch.isfinite(core.encode(network, images)[0]).all()


def test_the_plain_cnn_layer_by_layer():
    model = CNNPlain(SHAPE)

    def down(channels, side):
        big, small = (channels, side, side), (channels, side // 2, side // 2)
        return [("Conv2d", big), ("ReLU", big), ("MaxPool2d", small)]

    assert walk(model.encoder, torch.zeros(2, *SHAPE)) == [
        *down(64, 32),
        *down(128, 16),
        *down(256, 8),
        ("Flatten", (4096,)),
    ]
    assert walk(model.decoder, torch.zeros(2, 4096)) == [
        ("Unflatten", (256, 4, 4)),
        *(("ConvTranspose2d", (128, 8, 8)), ("ReLU", (128, 8, 8))),
        *(("ConvTranspose2d", (64, 16, 16)), ("ReLU", (64, 16, 16))),
        *(("ConvTranspose2d", SHAPE), ("Tanh", SHAPE)),
    ]


@pytest.mark.parametrize(
    ("model", "total"),
    [
        ("cnn-plain", 1_909_251),
        ("variational", 8_494_144),
        ("residual", 1_489_091),
        ("contrastive", 672_035),
    ],
)
def test_parameters_are_as_documented(model, total):
    item = find(model)
    assert sum(p.numel() for p in item(SHAPE).parameters()) == total
    assert f"{total:,}" in item.__doc__


def test_colors_are_counted_as_numpy_counts_them(x):
    codes = ColorHistogram(SHAPE)(x)[0].numpy()
    edges = [np.linspace(-1, 1, 5)] * 3
    for image, code in zip(x, codes, strict=True):
        counts, _ = np.histogramdd(image.flatten(1).T.numpy(), edges)
        np.testing.assert_allclose(
            code.reshape(4, 4, 4).transpose(2, 1, 0) ** 2, counts / 1024, atol=1e-6
        )


def test_gradients_are_scikit_images(x):
    from skimage.feature import hog

    code = HOG(SHAPE)(x)[0][0].numpy()
    image = x[0].permute(1, 2, 0).numpy()
    expected = hog(image, pixels_per_cell=(6, 6), cells_per_block=(2, 2), channel_axis=-1)
    np.testing.assert_allclose(code, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dnn(code=0)", "code must be 1 to 16384, found 0"),
        ("cnn(code=-1)", "code must be 1 to"),
        ("denoising(noise=3)", "noise must be 0 to 2, found 3"),
        ("masked(share=1)", "share must be 0 to 0.95, found 1"),
        ("sparse(weight=-1)", "weight must be 0 to 100"),
        ("variational(beta=-1)", "beta must be 0 to 1000"),
        ("idec(alone=2)", "alone must be 0 to 1"),
        ("histogram(bins=0)", "bins must be 1 to 16"),
        ("hog(cell=17)", "cell must be 1 to 16, found 17"),
        ("contrastive(code=12)", "code must be a multiple of 8, found 12"),
        ("contrastive(jitter=1)", "jitter must be 0 to 0.9"),
        ("contrastive(temperature=0)", "temperature must be 0.01 to 10"),
        ("fisher(words=1)", "words must be 2 to 256, found 1"),
        ("fisher(components=49)", "components must be 2 to 48, found 49"),
        ("hog(orientations=33)", "orientations must be 1 to 32"),
    ],
)
def test_settings_that_cannot_work_are_refused(text, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        find(text)(SHAPE)


def test_a_residual_network_asks_for_sides_that_can_be_halved():
    with pytest.raises(ValueError, match="multiples of 8, found 30×32"):
        Residual((3, 30, 32))


def test_every_objective_can_be_told_from_the_error():
    assert DNN.objective is Autoencoder.objective
    assert Denoising.objective is not Autoencoder.objective
