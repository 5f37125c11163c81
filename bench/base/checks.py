"""Checks of settings: each raises `ValueError` with what was found and what is allowed."""

from __future__ import annotations

from bench.base.errors import show_value

ImageShape = tuple[int, ...]  # of an image (C, H, W), of a code (d,)

# Upper limits of settings, far above what is of use: what is beyond would take all memory, or
# never end.
MOST_CODE = 16_384  # numbers of a code that is learned
MOST_CLUSTERS = 100_000
MOST_SETTING = 100_000  # of other whole numbers: iterations, starts, images of a batch


def need(holds: bool, message: str) -> None:
    """Raise `ValueError` with a message where a condition does not hold."""
    if not holds:
        raise ValueError(message)


def within(least: float, most: float, **settings: float) -> None:
    """Raise `ValueError` for a setting outside of a range, ends included."""
    for name, value in settings.items():
        need(
            least <= value <= most,
            f"{name} must be {_write(least)} to {_write(most)}, found {_write(value)}",
        )


def check_code(code: int) -> None:
    """Raise `ValueError` for a code without numbers, or with more than `MOST_CODE`."""
    within(1, MOST_CODE, code=code)


def one_of(allowed: tuple[str, ...], **settings: str) -> None:
    """Raise `ValueError` for a setting that is not in a list."""
    for name, value in settings.items():
        need(value in allowed, f"{name} must be one of {', '.join(allowed)}, found {value!r}")


def more_images_than(most: float, n_samples: int, setting: str) -> None:
    """Raise `ValueError` where a setting needs more images than there are."""
    need(n_samples > most, f"{setting} needs more than {most:g} images, found {n_samples}")


def check_neighbors(n_neighbors: int, n_samples: int) -> None:
    """Raise `ValueError` for fewer than 2 neighbors, or as many as there are images."""
    within(2, MOST_SETTING, n_neighbors=n_neighbors)
    more_images_than(n_neighbors, n_samples, f"n_neighbors={n_neighbors}")


def sides_of_multiples(divisor: int, image_shape: ImageShape) -> None:
    """Raise `ValueError` for images whose height or width is no multiple of a number."""
    _, height, width = image_shape
    need(
        height % divisor == width % divisor == 0,
        f"works on sides that are multiples of {divisor}, found {height}×{width}",
    )


def check_components(
    n_components: int, n_samples: int, n_features: int, most: int | None = None
) -> None:
    """Raise `ValueError` for more components than a matrix of this shape has, or a method finds."""
    most = min(n_samples, n_features) if most is None else most
    need(
        1 <= n_components <= most,
        f"{_write(n_components)} components of {n_samples} images with {n_features} dimensions: "
        f"allowed are 1 to {most}",
    )


def _write(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else show_value(value)
