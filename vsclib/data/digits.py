"""scikit-learn's handwritten digits of 8x8 pixels: real images that need no download."""

from pathlib import Path

import numpy as np

from vsclib.data.dataset import DataSet, Information, Split, assemble, information_of, warn_of_root

INFORMATION = {
    "digits": Information(
        title="Digits 8x8",
        train=1_433,
        test=364,
        image_shape=(1, 8, 8),
        classes=tuple("0123456789"),
        licence="CC BY 4.0",
        source="E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine "
        "Learning Repository (1998), https://archive.ics.uci.edu/dataset/80; the 1,797 images "
        "that scikit-learn ships",
        origin="inside scikit-learn, no network needed",
        preparation="grey levels 0 to 16 are stretched to 0 to 255, which loses nothing",
        sha256="b230ac9a2c1ac1f4e804da64393e04c2e5fab9022e8c46807870ce268fd6b929",
    )
}


def load(name: str = "digits", root: str | Path | None = None) -> DataSet:
    """The 1,797 digits; the first image of each class and every fifth after it are for testing.

    ``root`` has no effect: the images come with scikit-learn.
    """
    about = information_of(INFORMATION, name)
    warn_of_root(name, root)
    # Imported here: scikit-learn takes a second to import.
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[:, None]  # (1797, 1, 8, 8)
    labels = digits.target.astype(np.int64)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in range(10):
        held_out[np.flatnonzero(labels == label)[::5]] = True
    train, test = (Split(images[half], labels[half], None) for half in (~held_out, held_out))
    return assemble(name, train, test, about.classes)
