"""CelebA: aligned photographs of faces, cropped to their middle and made small."""

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any
from zipfile import Path as ZipPath

import numpy as np

from vsclib.data import downloads, image_files
from vsclib.data.dataset import DataSet, Information, PublishedFile, Split, assemble, information_of
from vsclib.errors import DataError

_PARTS, _TABLE, _PICTURES = "list_eval_partition.txt", "list_attr_celeba.txt", "img_align_celeba"
#: Side of the square that is cut from the middle of the 178x218 photographs.
_CROP = 148


def _information(size: int, papers: str) -> Information:
    return Information(
        title=f"CelebA {size}x{size}",
        train=162_770,
        test=19_962,
        image_shape=(3, size, size),
        factors=tuple(
            """5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips
            Big_Nose Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin
            Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open
            Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline
            Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat
            Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young""".split()
        ),
        licence="for non-commercial research only",
        source="Z. Liu, P. Luo, X. Wang, X. Tang, Deep Learning Face Attributes in the Wild "
        "(2015), http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html; the aligned images",
        origin="VSCLIB_DATA, the user's cache, or a download of 1.4 GB that needs gdown",
        preparation=f"the middle {_CROP}x{_CROP} pixels are made small, as in {papers}",
        folder="celeba",
        files=tuple(
            PublishedFile(file, f"md5:{digest}", f"https://drive.google.com/uc?id={number}")
            for file, digest, number in (
                (_PARTS, "d32c9cbf5e040fd4025c592c306e6668", "0B7EVK8r0v71pY0NSMzRuSXJEVkk"),
                (_TABLE, "75e246fa4810816ffd6ee81facbd244c", "0B7EVK8r0v71pblRyaVFSWGxPY0U"),
                (
                    f"{_PICTURES}.zip",
                    "00d2c5bc6d35e252742224ab0c1e8fcb",
                    "0B7EVK8r0v71pZjFTYXZWM3FlRnM",
                ),
            )
        ),
    )


INFORMATION = {
    "celeba": _information(64, "Li and Han"),
    "celeba_32": _information(32, "the VSC papers"),
}


def load(name: str, root: str | Path | None = None) -> DataSet:
    """The training and the test part as published; the part called *valid* stays out.

    The middle 148x148 pixels of each photograph are made small with Pillow's antialiased bilinear
    filter. The papers give the small size and not what they cut; 148 is a common choice. Every
    load opens all 182,732 photographs, which takes minutes.

    Args:
        name: ``celeba`` or ``celeba_32``.
        root: folder that holds ``celeba`` with the two lists and the photographs, packed or not.

    Returns:
        The data set, without labels; its factors are 40 attributes, 0 or 1, as people judged them.

    Raises:
        DataError: a file is missing, damaged or another one; or there is no copy and no download.
    """
    about = information_of(INFORMATION, name)
    folder = downloads.obtain(name, about, root, _from_drive)
    pictures: Traversable = folder / _PICTURES
    if not pictures.is_dir():
        pictures = ZipPath(folder / f"{_PICTURES}.zip", f"{_PICTURES}/")
    files, parts = np.loadtxt(folder / _PARTS, dtype=str, unpack=True)
    columns = range(1, 1 + len(about.factors))
    attributes = np.loadtxt(folder / _TABLE, dtype=np.int8, skiprows=2, usecols=columns) > 0
    train, test = (
        Split(
            _read([pictures / file for file in files[parts == part]], about.image_shape[1]),
            None,
            attributes[parts == part].astype(np.float64),
        )
        for part in ("0", "2")
    )
    return assemble(name, train, test, about.classes)


def _read(photographs: list[Traversable], size: int) -> np.ndarray:
    pixels = np.empty((len(photographs), 3, size, size), dtype=np.uint8)
    for row, photograph in enumerate(photographs):
        if not photograph.is_file():
            remedy = f"unpack {_PICTURES}.zip again"
            raise DataError(f"{photograph} is missing, although {_PARTS} lists it: {remedy}")
        pixels[row] = image_files.read_middle(photograph, _CROP, size)
    return pixels


def _from_drive(url: str, output: str, _: Any) -> None:
    """Download a file from Google Drive: a downloader for pooch."""
    import gdown

    try:
        gdown.download(url, output)
    except Exception as error:  # gdown's own errors have no common base with others
        raise OSError(str(error)) from None
