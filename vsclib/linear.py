r"""LinearBaseline baselines: what a code can do when the decoder is a matrix.

An image is :math:`x \approx m + z D` with the mean training image m and J atoms, the rows of D.
:func:`pca` gives the best dense code, :func:`dictionary` a sparse one; both give codes and
reconstructions that metrics and figures take.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vsclib.configuration import Count, Positive, Seed, configuration, configure
from vsclib.data.dataset import check_images, to_tensor
from vsclib.errors import ConfigurationError
from vsclib.models import Code


@configuration
class DictionaryConfig:
    """Options of :func:`dictionary`."""

    latents: Count = 50
    """J, the number of atoms."""
    penalty: Positive = 0.1
    """Weight of the codes' absolute values against half the squared error of all pixels."""
    on: Count | None = None
    """Code with at most so many latents on for an image (orthogonal matching pursuit) instead of
    with the penalty.
    """
    passes: Count = 10
    """Passes through the images."""
    batch_size: Count = 256
    """Images in one update of the atoms."""
    seed: Seed = 0
    """Of the first atoms and of the order of the images."""


@dataclass(frozen=True)
class LinearBaseline:
    """A fitted linear baseline.

    Attributes:
        atoms: (J, D), one image direction for each latent, of unit length.
        estimator: scikit-learn's, fitted.
        mean: (D,), the mean training image.
        image_shape: channels, height and width of an image.
        sparse: whether a latent that is zero counts as off.
    """

    atoms: np.ndarray
    estimator: Any
    mean: np.ndarray
    image_shape: tuple[int, int, int]
    sparse: bool

    def codes(self, images: np.ndarray | Tensor) -> Code:
        """The codes of images (N, C, H, W), uint8 or float32 in [0, 1]: z (N, J) and which latents
        are on.

        Raises:
            DataError: the images do not fit.
        """
        x = to_tensor(images) if isinstance(images, np.ndarray) else images
        check_images(x, self.image_shape)
        z = torch.from_numpy(
            np.asarray(self.estimator.transform(_centred(x, self.mean)), np.float32)
        )  # (N, J)
        return Code(z, z != 0 if self.sparse else torch.ones_like(z, dtype=torch.bool))

    def reconstruct(self, images: np.ndarray | Tensor | Code) -> Tensor:
        """Images (N, C, H, W) rebuilt from their codes, or from a code; clipped to [0, 1], as grey
        levels are.
        """
        code = images if isinstance(images, Code) else self.codes(images)
        flat = code.z.double().numpy() @ self.atoms + self.mean  # (N, D)
        return torch.from_numpy(flat).float().clamp(0, 1).view(-1, *self.image_shape)


def pca(images: np.ndarray, latents: int = 50) -> LinearBaseline:
    """Principal components: of all linear codes with J numbers, the one with the least squared
    error.

    Args:
        images: training images, uint8 (N, C, H, W).
        latents: J, at most the number of images and of pixels.

    Returns:
        The fitted baseline; all of its latents are on.

    Raises:
        ConfigurationError: more components than images or pixels, or fewer than one.
        DataError: the images are no uint8 (N, C, H, W).

    Example:
        >>> from vsclib import data
        >>> digits = data.load("digits")
        >>> pca(digits.train.images, 10).codes(digits.test.images).z.shape
        torch.Size([364, 10])
    """
    x, mean = _training(images)
    if not 1 <= latents <= min(x.shape):
        raise ConfigurationError(
            f"latents = {latents!r} is not allowed: choose 1 <= latents <= {min(x.shape)}"
        )
    # Imported here: it takes seconds, and few who import this library want it.
    from sklearn.decomposition import PCA

    fitted = PCA(latents, svd_solver="full").fit(x)
    return LinearBaseline(fitted.components_, fitted, mean, tuple(images.shape[1:]), sparse=False)  # type: ignore[arg-type]


def dictionary(images: np.ndarray, **options: Any) -> LinearBaseline:
    r"""LinearBaseline sparse coding: atoms and codes that trade the squared error for small sums of
    absolute values.

    .. math:: \min_{D,\,z_i}\ \frac1N\sum_i \tfrac12\lVert x_i - m - z_i D\rVert^2 + \text{penalty}\,\lVert z_i\rVert_1,
        \qquad \lVert D_j\rVert \le 1

    Args:
        images: training images, uint8 (N, C, H, W).
        **options: fields of :class:`DictionaryConfig`.

    Returns:
        The fitted baseline; a latent is on where it is not zero.

    Raises:
        ConfigurationError: an unknown option or a value out of range.
        DataError: the images are no uint8 (N, C, H, W).

    Source:
        Olshausen & Field (1996); Mairal et al. (2009), which scikit-learn follows.
    """
    config = configure(DictionaryConfig, "dictionary", options)
    if config.on is not None and config.on > config.latents:
        raise ConfigurationError(
            f"dictionary: on = {config.on} exceeds latents = {config.latents}: choose 1 <= on <= {config.latents}"
        )
    x, mean = _training(images)
    # Imported here: it takes seconds, and few who import this library want it.
    from sklearn.decomposition import MiniBatchDictionaryLearning
    from sklearn.exceptions import ConvergenceWarning

    learner = MiniBatchDictionaryLearning(
        config.latents,
        alpha=config.penalty,
        max_iter=config.passes,
        batch_size=config.batch_size,
        fit_algorithm="cd",
        transform_algorithm="lasso_cd" if config.on is None else "omp",
        transform_alpha=config.penalty if config.on is None else None,
        transform_n_nonzero_coefs=config.on,
        transform_max_iter=5000,
        # Without these two it stops after a few batches, far from the atoms that are there.
        tol=0.0,
        max_no_improvement=None,
        random_state=config.seed,
    )
    with warnings.catch_warnings():
        # The codes of an early batch need not be exact for the atoms to improve.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = learner.fit(x)
    return LinearBaseline(fitted.components_, fitted, mean, tuple(images.shape[1:]), sparse=True)  # type: ignore[arg-type]


def _training(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centred rows (N, D), and the mean image (D,)."""
    x = to_tensor(images)
    mean = x.double().mean(0).flatten().numpy()
    return _centred(x, mean), mean


def _centred(x: Tensor, mean: np.ndarray) -> np.ndarray:
    return x.flatten(1).double().numpy() - mean  # (N, D)
