"""MNIST's digits in colour before photographs: a stand-in for SVHN that takes no download of it."""

from pathlib import Path

import numpy as np

from vsclib.data import mnist
from vsclib.data.dataset import DataSet, Information, Split, assemble, information_of

_SIDE, _DIGIT = 32, 28
_TRAIN_SHARE = 2 / 3
INFORMATION = {
    "colour_digits": Information(
        title="Colour digits, a stand-in for SVHN",
        train=20_000,
        test=4_000,
        image_shape=(3, _SIDE, _SIDE),
        classes=tuple("0123456789"),
        licence="CC BY-SA 3.0 (MNIST's digits); CC BY 2.0 (the photographs china.jpg by "
        "danielbuechele and flower.jpg by vultilion)",
        source="MNIST, http://yann.lecun.com/exdb/mnist/, before two photographs that scikit-learn "
        "ships, https://www.flickr.com/photos/danielbuechele/ and "
        "https://www.flickr.com/photos/vultilion/; made by this library, and no data set of a "
        "paper",
        origin="MNIST's files as for mnist, and inside scikit-learn",
        preparation="a digit in one colour at a drawn place before a crop of a photograph at half "
        "its size, left two thirds to train and right third to test; brighter than the crop where "
        "the crop is dark, and darker where it is bright",
        sha256="1bfcb6a822eb1407f4d208a795767e98aab1714ba610b4bdf4f4c80da9cacc5e",
        folder=mnist.INFORMATION["mnist"].folder,
    )
}


def load(name: str = "colour_digits", root: str | Path | None = None) -> DataSet:
    """Digits 0 to 9 in colour before crops of photographs.

    The digits are spread evenly over MNIST's training and test images. All arithmetic is in whole
    numbers from fixed seeds, so the checksum holds wherever the two JPEG files are decoded alike,
    as libjpeg-turbo does, which Pillow brings along.

    Args:
        name: ``colour_digits``.
        root: folder that holds ``MNIST/raw``.

    Raises:
        DataError: a file of MNIST is missing or another one; or there is no copy and no download.
    """
    about = information_of(INFORMATION, name)
    digits, (left, right) = mnist.load("mnist", root), _photographs()
    train_stream, test_stream = np.random.default_rng(0).spawn(2)
    train = _split(digits.train, about.train, left, train_stream)
    test = _split(digits.test, about.test, right, test_stream)
    return assemble(name, train, test, about.classes)


def _split(
    digits: Split, number: int, photographs: list[np.ndarray], generator: np.random.Generator
) -> Split:
    """So many of the digits before crops of photographs."""
    chosen = np.arange(number) * len(digits.images) // number
    images = _before(digits.images[chosen, 0], photographs, generator)
    return Split(images, None if digits.labels is None else digits.labels[chosen], None)


def _photographs() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The parts to train and to test on of each photograph at half its size, each (H, W, 3)."""
    # Imported here: scikit-learn takes a second to import.
    from sklearn.datasets import load_sample_images

    left, right = [], []
    for photograph in load_sample_images().images:
        half = _halved(photograph)
        border = int(half.shape[1] * _TRAIN_SHARE)
        left.append(half[:, :border])
        right.append(half[:, border:])
    return left, right


def _halved(photograph: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels in whole numbers, int64 (H // 2, W // 2, 3)."""
    height, width = (side // 2 for side in photograph.shape[:2])
    blocks = photograph[: 2 * height, : 2 * width].astype(np.int64)
    return (blocks.reshape(height, 2, width, 2, 3).sum((1, 3)) + 2) // 4


def _before(
    digits: np.ndarray, photographs: list[np.ndarray], generator: np.random.Generator
) -> np.ndarray:
    """Digits (N, 28, 28) in colour before crops, uint8 (N, 3, 32, 32)."""
    images = np.empty((len(digits), 3, _SIDE, _SIDE), dtype=np.uint8)
    for image, digit in zip(images, digits, strict=True):
        photograph = photographs[generator.integers(len(photographs))]
        top, left = (generator.integers(side - _SIDE + 1) for side in photograph.shape[:2])
        crop = photograph[top : top + _SIDE, left : left + _SIDE]  # (32, 32, 3)
        down, right = generator.integers(_SIDE - _DIGIT + 1, size=2)
        colour = generator.integers(128, size=3)
        ink = np.zeros((_SIDE, _SIDE, 1), dtype=np.int64)
        ink[down : down + _DIGIT, right : right + _DIGIT, 0] = digit
        if crop[ink[..., 0] > 127].sum() < 128 * 3 * (ink > 127).sum():
            colour += 128
        blend = (crop * (255 - ink) + colour * ink + 127) // 255
        image[:] = blend.transpose(2, 0, 1)
    return images
