"""Misuse is one line that says what was wrong, what was found and what is allowed."""

import sys

import numpy as np
import pytest

from bench import grid
from tests.conftest import SMALL, make_images


def save_npy(folder, labels=None, **arrays):
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=True)
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with every bad input that a case below names, and what it must not lose."""
    monkeypatch.chdir(tmp_path)
    images, labels = make_images(30)
    save_npy(tmp_path / "good", trainX=images, trainY=labels)
    save_npy(tmp_path / "same", trainX=np.full((30, 32, 32, 3), 7, np.uint8))
    save_npy(tmp_path / "one", trainX=images[:1])
    save_npy(tmp_path / "short", trainX=images, trainY=labels[:-1])
    save_npy(tmp_path / "nan", trainX=np.full((4, 32, 32, 3), np.nan, np.float32))
    save_npy(tmp_path / "dtype", trainX=images * np.float32(0.0637))
    save_npy(tmp_path / "complex", trainX=images.astype(np.complex64))
    save_npy(tmp_path / "shape", trainX=images[..., :2])
    save_npy(tmp_path / "none", trainX=images[:0])
    save_npy(tmp_path / "scalar", trainX=np.uint8(3))
    save_npy(tmp_path / "object", trainX=np.array([print, 1], object))
    save_npy(tmp_path / "labels", trainX=images, trainY=np.full(30, 1.5))
    save_npy(tmp_path / "half", trainX=images, valX=images)
    save_npy(tmp_path / "other", trainX=images, trainY=labels, valX=images, valY=labels + 9)
    save_npy(tmp_path / "cut", trainX=images)
    data = (tmp_path / "cut" / "trainX.npy").read_bytes()
    (tmp_path / "cut" / "trainX.npy").write_bytes(data[:-1000])
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "trainX.npy").write_text("no array")
    header = b"\x93NUMPY\x01\x00v\x00" + (
        b"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 99999, 99999, 3), }".ljust(117)
        + b"\n"
    )
    (tmp_path / "bomb").mkdir()
    with open(tmp_path / "bomb" / "trainX.npy", "wb") as file:
        file.write(header)
        file.truncate(len(header) + 2 * 99999 * 99999 * 3)  # sparse: takes no disk
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"\x89PNG nonsense")
    (tmp_path / "file").write_text("")
    (tmp_path / "typo.toml").write_text("epocs = 3\n")
    (tmp_path / "wrong.toml").write_text("epochs = [\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "raises.py").write_text("1 / 0\n")
    return tmp_path


MISUSE = [
    # data
    (["--dataset", "npy:same"], "all 30 images are the same and cannot be grouped"),
    (["--dataset", "npy:one", "--clusters", "1"], "1 image to group: at least 2 are needed"),
    (
        ["--dataset", "npy:good", "--clusters", "31"],
        "31 clusters of 30 images: allowed are 1 to 30",
    ),
    (["--dataset", "npy:short"], "shape (29,): expected (30,)"),
    (["--dataset", "npy:nan"], "holds NaN or infinite values"),
    (["--dataset", "npy:dtype"], "whose brightness cannot be known: --range"),
    (["--dataset", "npy:complex"], "dtype complex64: allowed are integers, floats and bool"),
    (["--dataset", "npy:shape"], "shape (30, 32, 32, 2): allowed are (n, height, width, 3)"),
    (["--dataset", "npy:none"], "is empty: its shape is (0, 32, 32, 3)"),
    (["--dataset", "npy:scalar"], "has shape (): allowed are"),
    (["--dataset", "npy:object"], "it holds pickled objects, which are refused"),
    (["--dataset", "npy:labels"], "float64 labels, of which"),
    (["--dataset", "npy:half"], "holds valX.npy without valY.npy"),
    (["--dataset", "npy:other"], "none of the validation labels (9, 10) is a label"),
    (["--dataset", "npy:cut"], "it is not a complete .npy array"),
    (["--dataset", "npy:text"], "it is not a complete .npy array"),
    (["--dataset", "npy:bomb"], "holds images of 99999×99999 pixels: at most"),
    (["--dataset", "npy:nowhere"], "no trainX.npy in nowhere"),
    (["--dataset", "npy"], "needs a folder"),
    (["--dataset", "folder:empty"], "no image in empty: 0 files found"),
    (
        ["--dataset", "folder:broken", "--clusters", "1"],
        "no readable image in folder:broken: 1 files found",
    ),
    (["--dataset", "folder:nowhere"], "no such folder: nowhere"),
    (["--dataset", "digits:3"], "takes no argument"),
    (["--dataset", "npy:same,digits"], "npy:same: all 30 images are the same"),
    (["--dataset", "digits,npy:nowhere"], "no trainX.npy in nowhere"),
    (["--dataset", "npy:good,npy:./good"], "npy:good and npy:./good are the same images"),
    (["--dataset", "digits,npy:good", "--only-cached"], "no result of this grid is in .store"),
    # names
    (["--dataset", "digits,photo"], "unknown data set 'photo': did you mean 'photos'?"),
    (["--dataset", "digits,digits"], "digits is named twice"),
    (["--dataset", "digits,"], "an empty name in 'digits,'"),
    (["--dataset", "digits,,photos"], "an empty name in 'digits,,photos'"),
    (["--dataset", "npy:no,where"], "no trainX.npy in no,where"),
    (["--dataset", "digit"], "unknown data set 'digit': did you mean 'digits'?"),
    (["--models", "cnm"], "unknown model 'cnm': did you mean 'cnn'?"),
    (["--reducers", "tnse2"], "unknown reducer 'tnse': did you mean 'tsne'?"),
    (["--preset", "quik"], "unknown preset 'quik': did you mean 'quick'?"),
    (["--device", "tpu"], "device: should be 'auto', 'cpu', 'cuda' or 'mps', found 'tpu'"),
    # chains
    (["--reducers", "pca1800"], "'pca1800' cannot work on pixels, digits: pca1800:"),
    (["--reducers", "pca5+none"], "none cannot be combined with others"),
    (["--reducers", "tsne5"], "embeds in 1 to 3 dimensions"),
    (["--reducers", "pca5(whiten=)"], "cannot read 'whiten='; a parameter looks like key=value"),
    (["--reducers", "pca"], "pca needs a number of dimensions, such as pca64"),
    # settings
    (["--seeds", "0"], "seeds: should be greater than or equal to 1, found '0'"),
    (["--epochs", "-1"], "epochs: should be greater than or equal to 1, found '-1'"),
    (["--lr", "0"], "lr: should be greater than 0, found '0'"),
    (["--lr", "inf"], "lr: should be less than or equal to 1000, found 'inf'"),
    (["--batch-size", "0"], "batch_size: should be greater than or equal to 1"),
    (["--limit", "0"], "limit: must be a whole number from 1 to 1,000,000,000, or all; found 0"),
    (["--limit", "1", "--clusters", "1"], "1 image to group"),
    (["--threads", "0"], "threads: should be greater than or equal to 1"),
    (["--checkpoint", "0"], "checkpoint: should be greater than 0, found '0'"),
    (["--clusters", "0"], "clusters: must be a whole number from 1 to 100,000, or auto; found 0"),
    (
        ["--clusters", "many"],
        "clusters: must be a whole number from 1 to 100,000, or auto; found 'many'",
    ),
    (["--resamples", "-1"], "resamples: should be greater than or equal to 0"),
    (["--seeds", "many"], "unable to parse string as an integer, found 'many'"),
    # beyond the limits
    (["--seeds", "10001"], "seeds: should be less than or equal to 10000, found '10001'"),
    (["--seeds", "9" * 5000], "seeds: must have up to 20 digits, found '9999"),
    (["--seed", str(2**63)], f"seed: should be less than or equal to {2**63 - 1}, found"),
    (["--threads", "1000000"], "threads: should be less than or equal to 1024, found '1000000'"),
    (["--workers", "1025"], "workers: should be less than or equal to 1024, found '1025'"),
    (["--epochs", "1000001"], "epochs: should be less than or equal to 1000000"),
    (["--batch-size", "1000001"], "batch_size: should be less than or equal to 1000000"),
    (["--lr", "1001"], "lr: should be less than or equal to 1000, found '1001'"),
    (["--checkpoint", "86401"], "checkpoint: should be less than or equal to 86400"),
    (["--resamples", "1001"], "resamples: should be less than or equal to 1000"),
    (["--limit", "9" * 5000], "limit: must be a whole number from 1 to 1,000,000,000, or all"),
    (["--clusters", "100001"], "from 1 to 100,000, or auto; found 100001"),
    (["--label-depth", "101"], "label_depth: should be less than or equal to 100"),
    (["--models", "dnn(code=16385)"], "code must be 1 to 16384, found 16385"),
    (["--models", f"dnn(code={'9' * 5000})"], "code must have up to 20 digits, found '999"),
    (["--reducers", "pca100001"], "pca takes up to 100000 dimensions, found 100001"),
    (["--reducers", f"pca{'9' * 5000}"], "cannot read 'pca999"),
    (["--reducers", "tsne2(iterations=100001)"], "iterations must be 1 to 100000, found 100001"),
    (["--clusterers", "kmeans(starts=100001)"], "starts must be 1 to 100000, found 100001"),
    (["--seeds", "10000", "--resamples", "1000"], "this grid has 10,000 runs (1 data set × 1 enc"),
    # flags
    (["--sedes", "2"], "No such option: --sedes"),
    (["--only-cached", "--force"], "--only-cached computes nothing, and --force needs"),
    (["--only-cached", "--fail-fast"], "--only-cached computes nothing, and --fail-fast needs"),
    (["--only-cached"], "no result of this grid is in .store: run it without --only-cached"),
    # files
    (["--config", "typo.toml"], "unknown setting 'epocs': did you mean 'epochs'?"),
    (["--config", "wrong.toml"], "cannot read configuration file wrong.toml"),
    (["--config", "binary.toml"], "cannot read configuration file binary.toml"),
    (["--config", "none.toml"], "no such configuration file: none.toml"),
    (["--config", "."], "cannot read configuration file ."),
    (["--plugin", "raises.py"], "plugin raises.py failed with ZeroDivisionError"),
    (["--plugin", "none.py"], "no such plugin file: none.py"),
    (["--out", "file"], "results folder file is a file"),
    (["--out", "/proc/nowhere"], "results folder /proc/nowhere cannot be written"),
    (["--store", "file"], "store file cannot be written"),
    (["--store", "/proc/nowhere"], "store /proc/nowhere cannot be written"),
]


@pytest.mark.parametrize(("arguments", "message"), MISUSE, ids=lambda value: " ".join(value)[:60])
def test_misuse_is_one_line_and_exit_code_2(place, capsys, arguments, message):
    """The command itself, in this process: fifty times the start of Python would be a minute."""
    if any("/proc" in word for word in arguments) and sys.platform != "linux":
        pytest.skip("/proc is Linux's")
    before = {path for path in place.rglob("*") if ".store" not in path.parts}
    given = {word for word in arguments if word.startswith("--")}
    defaults = [SMALL[i : i + 2] for i in range(0, len(SMALL), 2) if SMALL[i] not in given]
    with pytest.raises(SystemExit) as end:
        grid.main([*arguments, *(word for pair in defaults for word in pair)])
    shown = capsys.readouterr()
    assert end.value.code == 2
    assert message in shown.err
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    lost = before - set(place.rglob("*"))
    assert not lost
