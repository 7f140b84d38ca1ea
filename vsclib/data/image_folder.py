"""A reader's folder of images as a data set: brought to one shape, split and mixed by a seed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vsclib.data import image_files
from vsclib.data.arrays import divide, hold_out
from vsclib.data.dataset import DataSet
from vsclib.errors import DataError, nearest, warn_caller

# In bytes. Above it a reader has most likely forgotten the size.
_MEMORY = 8 * 2**30
_LARGEST = 10_000


def from_folder(
    path: str | Path,
    size: int | np.integer | Sequence[int | np.integer] | None = None,
    *,
    fit: str = "crop",
    channels: int | None = None,
    test: float = 0.2,
    seed: int | np.integer = 0,
    name: str | None = None,
) -> DataSet:
    """Every image in a folder and the folders in it, as a data set.

    If all images lie in sub-folders, these are the classes; if none does, there are no labels.
    Hidden files and files without an image's ending are passed over. Images are sorted by their
    path, held out, and then mixed, so that the first hundred of a half are of all classes; the same
    files and seed give the same set on every machine.

    Args:
        path: the folder.
        size: (height, width) that every image gets, or one number for both; None if all agree.
        fit: what happens to another aspect ratio: ``crop`` keeps the middle, ``pad`` adds black
            at two sides, ``stretch`` distorts.
        channels: 1 for grey, 3 for colours; None for grey only if all of them are grey.
        test: share of the images that is held out, in (0, 1).
        seed: of the split, and of the order within each half.
        name: what the set is called; without it, as the folder.

    Raises:
        DataError: no folder or images, images of several sizes, a damaged file, a link to nothing,
            a wrong option.

    Example:
        >>> from vsclib import data
        >>> holiday = data.from_folder("~/Pictures/holiday", size=64)  # doctest: +SKIP
    """
    if not str(path):
        raise DataError(f"path = {str(path)!r}, expected a folder of images: name it")
    folder = Path(path).expanduser()
    shape = _check_options(size, fit, channels)
    files = _images_in(folder)
    labels = _labels(folder, files)
    held_out = hold_out(len(files), test, seed)
    # A stream of its own: the split of a seed stays what it is in ``from_array``.
    order = np.random.default_rng((int(seed), 1)).permutation(len(files))
    pixels = _read_all(files, order, shape, fit, channels)
    mixed = None if labels is None else np.array(labels)[order]
    name = name or folder.resolve().name or "folder"
    return divide(pixels, mixed, None, None, held_out[order], name)


def _check_options(
    size: int | np.integer | Sequence[int | np.integer] | None, fit: str, channels: int | None
) -> tuple[int, int] | None:
    if fit not in image_files.FITS:
        raise DataError(f"unknown fit {fit!r}: {nearest(str(fit), image_files.FITS)}")
    if channels not in (None, 1, 3):
        expected = "1 (grey), 3 (colours) or None (as the files are)"
        raise DataError(f"channels = {channels!r}, expected {expected}")
    if size is None:
        return None
    sides = tuple(size) if isinstance(size, Sequence) else (size, size)
    kinds = (isinstance(side, int | np.integer) and not isinstance(side, bool) for side in sides)
    if len(sides) != 2 or not all(kinds) or not 1 <= min(sides) <= max(sides) <= _LARGEST:
        expected = f"a whole number of pixels or (height, width), from 1 to {_LARGEST:,}"
        raise DataError(f"size = {size!r}, expected {expected}: try 32")
    return int(sides[0]), int(sides[1])


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        what = "a file" if folder.is_file() else "missing"
        raise DataError(f"{folder} is {what}, expected a folder of images: correct the path")
    files = [
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in image_files.SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and (file.is_file() or file.is_symlink())
    ]
    for file in files:
        if not file.exists():
            raise DataError(f"{file} is a link to nothing: repair it, or take it out of the folder")
    if len(files) < 2:
        raise DataError(
            f"{folder} holds {len(files)} images, expected at least 2 files that end in one of "
            f"{', '.join(image_files.SUFFIXES)}: correct the path, or convert the files"
        )
    return sorted(files, key=lambda file: file.relative_to(folder).as_posix())


def _labels(folder: Path, files: list[Path]) -> list[str] | None:
    """The first sub-folder that each image lies in, or None if there are none."""
    parts = [file.relative_to(folder).parts for file in files]
    beside = [file for file, part in zip(files, parts, strict=True) if len(part) == 1]
    if len(beside) == len(files):
        return None
    if beside:
        found = f"{beside[0]} and {len(beside) - 1} more lie beside sub-folders with images"
        remedy = "move them into a sub-folder, or all into one folder"
        raise DataError(f"{found}, which are classes: {remedy}")
    classes = {part[0] for part in parts}
    empty = {
        place.name for place in folder.iterdir() if place.is_dir() and place.name[0] != "."
    } - classes
    if empty:
        told = f"{', '.join(sorted(empty))} in {folder} holds no images"
        warn_caller(f"{told}: it is no class, remove it or fill it")
    return [part[0] for part in parts]


def _read_all(
    files: list[Path],
    order: np.ndarray,
    size: tuple[int, int] | None,
    fit: str,
    channels: int | None,
) -> np.ndarray:
    """The pictures as uint8 (N, C, H, W), in the order of those positions."""
    first = image_files.read_image(files[0], size, fit)
    _check_memory(len(files), channels or 3, first.shape[1:])
    pictures = []
    for file in files:
        pixels = image_files.read_image(file, size, fit)
        if pixels.shape[1:] != first.shape[1:]:
            found = f"{file} has {_sides(pixels)} pixels, {files[0]} has {_sides(first)}"
            raise DataError(f"{found}: pass size=(height, width) to bring all to one size")
        pictures.append(pixels if channels is None else image_files.with_channels(pixels, channels))
    most = max(len(pixels) for pixels in pictures)
    return np.stack([image_files.with_channels(pictures[i], most) for i in order.tolist()])


def _check_memory(number: int, channels: int, sides: tuple[int, ...]) -> None:
    needed = number * channels * sides[0] * sides[1]
    if needed > _MEMORY:
        images = f"{number:,} images of {sides[0]} x {sides[1]} pixels"
        sizes = f"{needed / 2**30:.1f} GiB, at most {_MEMORY / 2**30:.0f}"
        raise DataError(f"{images} take {sizes}: pass a smaller size, such as size=64")


def _sides(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[2]}"
