"""The images of a training: looked at once, then kept on the device."""

import numpy as np
import torch
from torch import Tensor

from vsclib.data.dataset import DataSet, Split
from vsclib.errors import DataError
from vsclib.models import Trainable
from vsclib.models.contract import scaled


def pixels_for(
    model: Trainable, data: DataSet | Split | np.ndarray, batch_size: int = 1, draw: bool = False
) -> np.ndarray:
    """The images, of a data set the training part, checked against what the model takes.

    Raises:
        DataError: another shape or dtype, values that are none, fewer images than a batch, or
            real values where pixels are to be drawn.
    """
    part = data.train if isinstance(data, DataSet) else data
    images = part.images if isinstance(part, Split) else part
    real = images.dtype == np.float32 and images.shape[1:] == model.image_shape
    if real and not getattr(model, "real_valued", False):
        raise DataError(
            f"these are real-valued float32 images, but model {model.name!r} takes uint8 from 0 to "
            '255: create it with likelihood = "gaussian_real", or give grey levels'
        )
    if real and draw:
        raise DataError(
            "draw_pixels = True draws uint8 grey levels, these are real-valued float32 images: "
            "leave it out"
        )
    if not real and (images.dtype != np.uint8 or images.shape[1:] != model.image_shape):
        raise DataError(
            f"the model takes uint8 images shaped {model.image_shape}, these are {images.dtype} "
            f"{images.shape[1:]}: create the model with image_shape={tuple(images.shape[1:])} "
            "and give grey levels from 0 to 255"
        )
    if not len(images):
        raise DataError("there are no images, at least one is wanted: look at what was loaded")
    if real and not np.isfinite(images).all():
        raise DataError("images hold NaN or infinity, all must be finite: clean them first")
    if not real and images.max() == 1:
        raise DataError(
            "no grey level exceeds 1 of 255, and so the images are black: multiply images of 0 and "
            "1 by 255"
        )
    if len(images) < batch_size:
        raise DataError(
            f"batch_size = {batch_size} exceeds the {len(images)} images: "
            f"choose 1 <= batch_size <= {len(images)}"
        )
    return images


def on_device(images: np.ndarray, device: torch.device) -> Tensor:
    """All images as a tensor on the device."""
    # PyTorch warns of arrays that it could not write to.
    return torch.from_numpy(np.require(images, requirements=["C", "W"])).to(device)


def batch_of(images: Tensor, generator: torch.Generator, draw: bool) -> Tensor:
    """Images as models take them; or, with ``draw``, each pixel drawn as a Bernoulli variable.

    Args:
        images: (B, C, H, W), uint8 or real-valued.
        generator: of the training, on the images' device; used for a draw only.
        draw: whether to draw.
    """
    # Bytes over 255 lie in [0, 1]: they need no check at every step.
    levels = scaled(images)  # (B, C, H, W)
    if not draw:
        return levels
    return (torch.rand(levels.shape, generator=generator, device=levels.device) < levels).float()
