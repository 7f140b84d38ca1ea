"""What a data set is and promises, its checksum, and the scale on which models take images."""

import hashlib
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vsclib.errors import ConfigurationError, DataError, nearest, warn_caller


class Split(NamedTuple):
    """One half of a data set.

    Attributes:
        images: shaped (N, C, H, W): uint8, where 0 is black and 255 is white; or, of a real-valued
            set, finite float32 of any range. Vectors (N, D) are stored as (N, 1, 1, D), signals
            (N, C, T) as (N, C, 1, T).
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
        real_valued: whether the images are float32 of any range, instead of bytes.
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
    real_valued: bool = False


def checksum(train: Split, test: Split) -> str:
    """SHA-256 of the images and labels as 64 hexadecimal digits, the same on every machine.

    Hashed are, for ``train`` and then ``test``, the images and then the labels, each as the line
    ``train/images uint8 (60000, 1, 28, 28)`` in ASCII, a line feed, and the bytes in C order
    (labels as little-endian int64, real values as little-endian float32). Factors stay out of it:
    they are drawn in floating point, whose last digit may differ between machines while every pixel
    agrees.
    """
    digest = hashlib.sha256()
    for name, split in (("train", train), ("test", test)):
        for field, array, dtype in (
            ("images", split.images, np.dtype("<f4" if split.images.dtype.kind == "f" else "u1")),
            ("labels", split.labels, np.dtype("<i8")),
        ):
            if array is not None:
                digest.update(f"{name}/{field} {dtype.name} {array.shape}\n".encode("ascii"))
                digest.update(np.ascontiguousarray(array, dtype=dtype).data)
    return digest.hexdigest()


def check_promise(found: object, name: str, about: Information) -> None:
    """Refuse a data set that is not what ``about`` promises of its name.

    Raises:
        DataError: another type, name or classes; images, labels or factors of another shape or
            dtype; a value that is not finite; a label that is no position in ``classes``.
    """
    remedy = f"correct its loader, or what vsclib.data.about({name!r}) promises"
    if not isinstance(found, DataSet):
        raise DataError(f"{name} is a {type(found).__name__}, expected a DataSet: {remedy}")
    kind_of_image = "float32" if about.real_valued else "uint8"
    facts = [("name", found.name, name), ("classes", found.classes, about.classes)]
    for half, split, n in (("train", found.train, about.train), ("test", found.test, about.test)):
        wanted = (
            f"{kind_of_image} array {(n, *about.image_shape)}",
            f"int64 array {(n,)}" if about.classes else "NoneType",
            f"float64 array {(n, len(about.factors))}" if about.factors else "NoneType",
        )
        for field, array, kind in zip(Split._fields, split, wanted, strict=True):
            facts.append((f"{half}.{field}", _describe(array), kind))
    for fact, value, expected in facts:
        if value != expected:
            raise DataError(f"{name}: {fact} is {value}, expected {expected}: {remedy}")
    for values in (values for half in found[:2] for values in (half.images, half.factors)):
        if values is not None and values.dtype.kind == "f" and not np.isfinite(values).all():
            raise DataError(f"{name} holds a NaN or an infinity, expected finite values: {remedy}")
    for labels in (half.labels for half in found[:2] if half.labels is not None):
        if labels.min() < 0 or labels.max() >= len(about.classes):
            run = f"labels run from {labels.min()} to {labels.max()}"
            positions = f"positions from 0 to {len(about.classes) - 1}"
            raise DataError(f"{name}: {run}, expected {positions}: {remedy}")


def information_from(found: DataSet, source: str) -> Information:
    """What ``about`` says of a set of which nothing was promised.

    Args:
        found: the set.
        source: who made it.

    Raises:
        DataError: images in another form than a ``Split`` has, none, or black ones only; halves
            that do not fit.
    """
    for half, split in (("train", found.train), ("test", found.test)):
        images = split.images
        if images.dtype not in (np.uint8, np.float32) or images.ndim != 4 or 0 in images.shape:
            wrong = f"{found.name}: {half}.images is {_describe(images)}"
            remedy = "make the set with vsclib.data.from_array or from_values"
            raise DataError(f"{wrong}, expected uint8 or float32 (N, C, H, W): {remedy}")
    if found.train.images.dtype == np.uint8 and found.train.images.max() <= 1:
        wrong = f"{found.name}: the bytes hold 0 and 1 only, where 255 is white"
        raise DataError(f"{wrong}, so all images are black: multiply them by 255")
    factors = found.train.factors
    columns = 0 if factors is None or factors.ndim != 2 else factors.shape[1]
    about = Information(
        title=found.name,
        train=len(found.train.images),
        test=len(found.test.images),
        image_shape=found.train.images.shape[1:],
        licence="its owner's",
        source=source,
        origin=f"made by {source}",
        preparation="what its loader does",
        classes=found.classes,
        factors=tuple(f"factor {number}" for number in range(columns)),
        sha256=found.sha256,
        real_valued=found.train.images.dtype == np.float32,
    )
    check_promise(found, found.name, about)
    return about


def information_of(sets: dict[str, Information], name: str) -> Information:
    """What a module says of one of its sets.

    Raises:
        DataError: it has no set of that name.
    """
    if name not in sets:
        raise DataError(f"unknown data set {name!r} here: {nearest(name, sets)}")
    return sets[name]


def real_numbers(values: np.ndarray, what: str) -> np.ndarray:
    """The array, if it holds real numbers.

    Raises:
        DataError: it holds texts, complex numbers or objects.
    """
    if values.dtype.kind not in "fiub":
        raise DataError(f"{what} holds {values.dtype}, expected real numbers: convert them")
    return values


def warn_of_root(name: str, root: str | Path | None) -> None:
    """Say that a folder has no effect on a set that comes without files."""
    if root is not None:
        told = f"root = {str(root)!r} has no effect: {name} comes without files"
        warn_caller(f"{told}, leave it out")


def assemble(name: str, train: Split, test: Split, classes: tuple[str, ...]) -> DataSet:
    """A ``DataSet`` of two halves, with its checksum."""
    return DataSet(train, test, classes, name, checksum(train, test))


def to_tensor(images: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Images, (N, C, H, W), as models take them: float32.

    Bytes become :math:`x / 255`, in [0, 1]. The float32 of a real-valued set stay as they are; a
    model takes them whose likelihood is ``gaussian_real``.

    Raises:
        DataError: another dtype, other than four dimensions, a NaN or an infinity.
        ConfigurationError: the device is unknown or absent.
    """
    if images.dtype not in (np.uint8, np.float32) or images.ndim != 4:
        raise DataError(
            f"to_tensor got {_describe(images)}, but it takes uint8 or float32 (N, C, H, W): pass "
            "the images of a Split, or make one with vsclib.data.from_array or from_values"
        )
    if images.dtype == np.float32 and not np.isfinite(images).all():
        found = "to_tensor got a NaN or an infinity, but values are finite"
        raise DataError(f"{found}: clean them before you pass them on")
    writeable = images if images.flags.writeable and images.flags.c_contiguous else images.copy()
    try:
        # Moved as bytes: a quarter of what the floats would take.
        moved = torch.from_numpy(writeable).to(device)  # (N, C, H, W)
    except (RuntimeError, AssertionError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        found = f"device = {str(device)!r} cannot be used ({reason})"
        raise ConfigurationError(f"{found}: choose 'cpu'") from None
    if images.dtype == np.float32:
        return moved
    if images.size and images.max() == 1:
        told = "the bytes hold 0 and 1 only, where 255 is white, so all images are black"
        warn_caller(f"{told}: multiply them by 255")
    return moved.float() / 255


def check_images(x: Tensor, image_shape: tuple[int, int, int], real: bool = False) -> None:
    """Refuse a batch that is not float32, (B, C, H, W) with a model's image_shape, in its range.

    Args:
        x: the batch.
        image_shape: (C, H, W).
        real: whether any finite value will do, instead of [0, 1].

    Raises:
        DataError: wrong dtype, shape or scale, or a NaN.
    """
    channels, height, width = image_shape
    scale = "of finite numbers" if real else "in [0, 1]"
    wanted = f"models take float32 (B, {channels}, {height}, {width}) {scale}"
    if x.dtype != torch.float32:
        remedy = "convert the images of a data set with vsclib.data.to_tensor(images)"
        raise DataError(f"{wanted}, got {_describe(x)}: {remedy}")
    if x.ndim != 4 or tuple(x.shape[1:]) != (channels, height, width) or x.shape[0] == 0:
        remedy = "reshape the images, or create the model with their image_shape"
        raise DataError(f"{wanted}, got {_describe(x)}: {remedy}")
    if torch.compiler.is_compiling():
        return  # an exported program cannot ask for values
    low, high = (bound.item() for bound in torch.aminmax(x.detach()))
    if low != low or (real and not math.isfinite(max(high, -low))):  # aminmax hands on any NaN
        found = "a NaN" if low != low else "an infinity"
        remedy = "clean the images before you pass them on"
        raise DataError(f"{wanted}, got {found} among the pixels: {remedy}")
    if not real and (low < 0 or high > 1):
        remedy = "divide 0..255 images by 255; for any range, likelihood = 'gaussian_real'"
        raise DataError(f"{wanted}, got pixels from {low:g} to {high:g}: {remedy}")


def _describe(value: object) -> str:
    """Dtype and shape of an array or a tensor, else the type."""
    if isinstance(value, Tensor | np.ndarray):
        kind = "tensor" if isinstance(value, Tensor) else "array"
        return f"{str(value.dtype).removeprefix('torch.')} {kind} {tuple(value.shape)}"
    return type(value).__name__
