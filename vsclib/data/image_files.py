"""One image file as bytes: turned upright, in grey or colour, and fitted to a size."""

from importlib.resources.abc import Traversable
from typing import Any

import numpy as np

from vsclib.errors import DataError

SUFFIXES = tuple(".png .jpg .jpeg .bmp .gif .pbm .pgm .ppm .tif .tiff .webp".split())
FITS = ("crop", "pad", "stretch")
_GREY = {"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I"}


def read_image(
    path: Traversable, size: tuple[int, int] | None = None, fit: str = "crop"
) -> np.ndarray:
    """The first picture in a file.

    A photograph is turned as its camera noted (EXIF). What is transparent is laid on black. 16-bit
    grey levels keep their upper 8 bits; floats in [0, 1] become the nearest of 256 levels.

    Args:
        path: of the file.
        size: (H, W) of the result; None leaves the size alone.
        fit: what happens to another aspect ratio: ``crop`` keeps the middle, ``pad`` adds black
            at two sides, ``stretch`` distorts.

    Returns:
        uint8, shaped (1, H, W) where the file is grey and (3, H, W) where it has colours.

    Raises:
        DataError: the file is no image or is damaged, or its grey levels have another range.
    """
    # Imported here: most readers never open an image file.
    from PIL import Image, ImageOps

    picture = _open(path)
    if size is not None and picture.size != (size[1], size[0]):
        shape, smooth = (size[1], size[0]), Image.Resampling.BICUBIC
        ways: dict[str, Any] = {"crop": ImageOps.fit, "pad": ImageOps.pad}
        picture = ways.get(fit, Image.Image.resize)(picture, shape, smooth)
    pixels = np.asarray(picture, dtype=np.uint8)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def read_middle(path: Traversable, side: int, size: int) -> np.ndarray:
    """The square in the middle of a photograph in colours, ``side`` pixels wide, made small.

    Returns:
        uint8, shaped (3, size, size).

    Raises:
        DataError: the file is damaged, or smaller than the square.
    """
    from PIL import Image

    picture = _open(path).convert("RGB")
    width, height = picture.size
    if min(width, height) < side:
        found = f"{path} has {height} x {width} pixels, expected at least {side} x {side}"
        raise DataError(f"{found}: put the right file there")
    left, top = round((width - side) / 2), round((height - side) / 2)
    middle = picture.crop((left, top, left + side, top + side))
    return np.asarray(middle.resize((size, size), Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def _open(path: Traversable) -> Any:
    """The picture, upright, in mode L or RGB."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with path.open("rb") as stream, Image.open(stream) as file:
            return _in_grey_or_colour(ImageOps.exif_transpose(file))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if isinstance(error, UnidentifiedImageError):
            reason = "its content is of no known format"
        remedy = "repair it, or take it out of the folder"
        raise DataError(f"{path} cannot be read as an image ({reason}): {remedy}") from None


def _in_grey_or_colour(picture: Any) -> Any:
    """The picture in mode L or RGB."""
    from PIL import Image

    if picture.mode.startswith("I"):
        return Image.fromarray(_upper_bits(np.asarray(picture)))
    if picture.mode == "F":
        levels = np.asarray(picture, dtype=np.float64)
        if not 0 <= levels.min() <= levels.max() <= 1:  # not true of a NaN either
            span = f"from {levels.min():g} to {levels.max():g}"
            raise ValueError(f"floats {span}, expected [0, 1]; scale them all by one range")
        return Image.fromarray(np.rint(levels * 255).astype(np.uint8))
    mode = "L" if picture.mode in _GREY else "RGB"
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, picture)
    return picture.convert(mode)


def _upper_bits(levels: np.ndarray) -> np.ndarray:
    """16-bit grey levels as bytes."""
    low, high = levels.min(), levels.max()
    if low < 0 or high > 65535:
        raise ValueError(f"grey levels from {low} to {high}, expected 0..65535")
    if 0 < high < 256:
        spread = "white is 65535, so all would be black; save it with 8 bits, or spread its levels"
        raise ValueError(f"16-bit grey levels up to {high}, and {spread}")
    return (levels >> 8).astype(np.uint8)


def with_channels(pixels: np.ndarray, number: int) -> np.ndarray:
    """A picture (C, H, W) in 1 or 3 channels: colours become Rec. 601 luma, grey is repeated."""
    if len(pixels) == number:
        return pixels
    if number == 3:
        return np.repeat(pixels, 3, axis=0)
    red, green, blue = pixels.astype(np.float64)
    return np.rint(0.299 * red + 0.587 * green + 0.114 * blue).astype(np.uint8)[None]
