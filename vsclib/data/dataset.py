"""What a data set is and promises, its checksum, and the scale on which models take images."""

import hashlib
import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vsclib.errors import DataError


class Split(NamedTuple):
    """One half of a data set.

    Attributes:
        images: uint8, shaped (N, C, H, W), 0 is black and 255 is white.
        labels: int64, shaped (N,): positions in the data set's ``classes``; None without labels.
        factors: float64, shaped (N, F): what the images were drawn from; None where unknown.
    """

    images: np.ndarray
    labels: np.ndarray | None
    factors: np.ndarray | None


class DataSet(NamedTuple):
    """Images to train on and images to test on.

    Attributes:
        train: the images that a model may see.
        test: the images that every reported number is computed on.
        classes: name of each label.
        name: what ``load`` was asked for.
        sha256: checksum of the arrays, see ``checksum``.
    """

    train: Split
    test: Split
    classes: tuple[str, ...]
    name: str
    sha256: str


class PublishedFile(NamedTuple):
    """A file as its authors publish it.

    Attributes:
        name: in the set's folder.
        digest: ``md5:`` or ``sha256:`` and the checksum of the file under this name.
        url: where it is published; a file published as ``.gz`` is unpacked as it arrives.
    """

    name: str
    digest: str
    url: str


class Information(NamedTuple):
    """What a reader wants to know of a data set before loading it.

    Attributes:
        title: its name in running text.
        train, test: number of images to train and to test on.
        image_shape: (C, H, W).
        licence: terms of use.
        source: who made it and where it is published.
        origin: how ``load`` comes by it.
        preparation: what is done to the published images.
        classes: name of each label; empty where nobody labelled the images.
        factors: name of each generating factor; empty where they are unknown.
        sha256: that ``load(name).sha256`` has; empty where the files' checksums stand in for it.
        folder: of its files, below VSCLIB_DATA or the cache.
        files: what is published, where ``load`` downloads it.
    """

    title: str
    train: int
    test: int
    image_shape: tuple[int, int, int]
    licence: str
    source: str
    origin: str
    preparation: str
    classes: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    sha256: str = ""
    folder: str = ""
    files: tuple[PublishedFile, ...] = ()


def checksum(train: Split, test: Split) -> str:
    """SHA-256 of the images and labels as 64 hexadecimal digits, the same on every machine.

    Hashed are, for ``train`` and then ``test``, the images and then the labels, each as the line
    ``train/images uint8 (60000, 1, 28, 28)`` in ASCII, a line feed, and the bytes in C order
    (labels as little-endian int64). Factors stay out of it: they are drawn in floating point, whose
    last digit may differ between machines while every pixel agrees.
    """
    digest = hashlib.sha256()
    for name, split in (("train", train), ("test", test)):
        for field, array, dtype in (
            ("images", split.images, np.dtype("u1")),
            ("labels", split.labels, np.dtype("<i8")),
        ):
            if array is not None:
                digest.update(f"{name}/{field} {dtype.name} {array.shape}\n".encode("ascii"))
                digest.update(np.ascontiguousarray(array, dtype=dtype).data)
    return digest.hexdigest()


def check_promise(found: DataSet, name: str, about: Information) -> None:
    """Refuse a data set that is not what ``about`` promises of its name.

    Raises:
        DataError: another type, name or classes; images, labels or factors of another shape or
            dtype; a label that is no position in ``classes``.
    """
    remedy = f"correct its loader, or what vsclib.data.about({name!r}) promises"
    if not isinstance(found, DataSet):
        raise DataError(f"{name} is a {type(found).__name__}, expected a DataSet: {remedy}")
    facts = [("name", found.name, name), ("classes", found.classes, about.classes)]
    for half, split, n in (("train", found.train, about.train), ("test", found.test, about.test)):
        wanted = (
            f"uint8 array {(n, *about.image_shape)}",
            f"int64 array {(n,)}" if about.classes else "NoneType",
            f"float64 array {(n, len(about.factors))}" if about.factors else "NoneType",
        )
        for field, array, kind in zip(Split._fields, split, wanted, strict=True):
            facts.append((f"{half}.{field}", _describe(array), kind))
    for fact, value, expected in facts:
        if value != expected:
            raise DataError(f"{name}: {fact} is {value}, expected {expected}: {remedy}")
    for labels in (half.labels for half in found[:2] if half.labels is not None):
        if labels.min() < 0 or labels.max() >= len(about.classes):
            run = f"labels run from {labels.min()} to {labels.max()}"
            positions = f"positions from 0 to {len(about.classes) - 1}"
            raise DataError(f"{name}: {run}, expected {positions}: {remedy}")


def assemble(name: str, train: Split, test: Split, classes: tuple[str, ...]) -> DataSet:
    """A ``DataSet`` of two halves, with its checksum."""
    return DataSet(train, test, classes, name, checksum(train, test))


def to_tensor(images: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Images, uint8 (N, C, H, W), as models take them: ``float32 = uint8 / 255``, in [0, 1].

    Raises:
        DataError: the array is not uint8 or has not four dimensions.
    """
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 4:
        raise DataError(
            f"to_tensor got {_describe(images)}, but it takes a uint8 array (N, C, H, W): "
            "pass the images of a Split, or scale your own to 0..255 and add the missing axes"
        )
    writeable = images if images.flags.writeable and images.flags.c_contiguous else images.copy()
    # Moved as bytes: a quarter of what the floats would take.
    return torch.from_numpy(writeable).to(device).float() / 255  # (N, C, H, W)


def check_images(x: Tensor, image_shape: tuple[int, int, int], real: bool = False) -> None:
    """Refuse a batch that is not float32, (B, C, H, W) with a model's image_shape, in [0, 1].

    Real-valued data may have any finite values. A graph that is being exported checks no values.

    Raises:
        DataError: wrong type, dtype, shape or scale, or a NaN.
    """
    channels, height, width = image_shape
    scale = "of finite numbers" if real else "in [0, 1]"
    wanted = f"models take float32 (B, {channels}, {height}, {width}) {scale}"
    if not isinstance(x, Tensor) or x.dtype != torch.float32:
        remedy = "convert uint8 images with vsclib.data.to_tensor(images)"
        raise DataError(f"{wanted}, got {_describe(x)}: {remedy}")
    if x.ndim != 4 or tuple(x.shape[1:]) != (channels, height, width) or x.shape[0] == 0:
        remedy = "reshape the images, or create the model with their image_shape"
        raise DataError(f"{wanted}, got {_describe(x)}: {remedy}")
    if torch.compiler.is_compiling():
        return
    low, high = (bound.item() for bound in torch.aminmax(x.detach()))
    if low != low or (real and not math.isfinite(max(high, -low))):  # aminmax hands on any NaN
        found = "a NaN" if low != low else "an infinity"
        remedy = "clean the images before you pass them on"
        raise DataError(f"{wanted}, got {found} among the pixels: {remedy}")
    if not real and (low < 0 or high > 1):
        found = f"pixels from {low:g} to {high:g}"
        raise DataError(f"{wanted}, got {found}: divide 0..255 images by 255")


def _describe(value: object) -> str:
    if isinstance(value, Tensor | np.ndarray):
        kind = "tensor" if isinstance(value, Tensor) else "array"
        return f"{str(value.dtype).removeprefix('torch.')} {kind} {tuple(value.shape)}"
    return type(value).__name__
