r"""Linear baselines: models whose decoder is a matrix.

An image is :math:`x \approx m + z D` with the mean training image m and J atoms, the rows of D.
:func:`pca` gives the best dense code, :func:`dictionary` a sparse one. Metrics and figures take
the codes and reconstructions of both.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vsclib.arguments import explained
from vsclib.configuration import Count, Positive, Seed, configuration, configure
from vsclib.data.dataset import check_images, to_tensor
from vsclib.errors import ConfigurationError, DataError
from vsclib.models import Code


@configuration
class DictionaryConfig:
    """Options of :func:`dictionary`."""

    latents: Count = 50
    """J, the number of atoms."""
    penalty: Positive = 0.1
    """Weight of the codes' absolute values; half the squared error of all pixels weighs 1."""
    on: Count | None = None
    """Latents on per image, at most (orthogonal matching pursuit); None uses the penalty."""
    passes: Count = 10
    """Passes through the images."""
    batch_size: Count = 256
    """Images per update of the atoms."""
    seed: Seed = 0
    """Seed of the first atoms and of the order of the images."""


@dataclass(frozen=True)
class LinearBaseline:
    """A fitted linear baseline.

    Attributes:
        atoms: (J, D), a direction of unit length for each latent.
        estimator: the fitted estimator of scikit-learn.
        mean: (D,), the mean training image.
        image_shape: channels, height and width of an image.
        sparse: whether a latent counts as off where it is zero.
        real_valued: whether images are numbers of any range; without it they lie in [0, 1].
    """

    atoms: np.ndarray
    estimator: Any
    mean: np.ndarray
    image_shape: tuple[int, int, int]
    sparse: bool
    real_valued: bool = False

    def codes(self, images: np.ndarray | Tensor) -> Code:
        """Codes of images (N, C, H, W), uint8 or float32, of the range of those in training.

        Returns:
            z, shaped (N, J), and which latents are on.

        Raises:
            DataError: the images do not fit.
        """
        x = to_tensor(images) if isinstance(images, np.ndarray) else images
        check_images(x, self.image_shape, self.real_valued)
        found = self.estimator.transform(_centred(x, self.mean))
        z = torch.from_numpy(np.asarray(found, np.float32))  # (N, J)
        return Code(z, z != 0 if self.sparse else torch.ones_like(z, dtype=torch.bool))

    def reconstruct(self, images: np.ndarray | Tensor | Code) -> Tensor:
        """Reconstructions (N, C, H, W) of images or of a code; in [0, 1], unless real-valued.

        Raises:
            DataError: the images or the code do not fit.
        """
        code = images if isinstance(images, Code) else self.codes(images)
        if code.z.ndim != 2 or code.z.shape[1] != len(self.atoms):
            raise DataError(
                f"codes shaped {tuple(code.z.shape)} do not fit {len(self.atoms)} atoms: pass this "
                "baseline's codes"
            )
        flat = torch.from_numpy(code.z.double().numpy() @ self.atoms + self.mean).float()  # (N, D)
        pixels = flat if self.real_valued else flat.clamp(0, 1)
        return pixels.view(-1, *self.image_shape)


def pca(images: np.ndarray, latents: int = 50) -> LinearBaseline:
    """Principal components: the linear code with J numbers and the least squared error.

    Args:
        images: training images, (N, C, H, W), at least 2: uint8, or float32 of a real-valued set.
        latents: J, at most the number of images and of pixels.

    Returns:
        The fitted baseline; all latents are on.

    Raises:
        ConfigurationError: more components than images or pixels, or fewer than one.
        DataError: the images are no uint8 or float32 (N, C, H, W), or fewer than 2.

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
    from sklearn.decomposition import PCA  # imported here: it takes seconds

    return _baseline(PCA(latents, svd_solver="full").fit(x), mean, images, sparse=False)


@explained
def dictionary(images: np.ndarray, **options: Any) -> LinearBaseline:
    r"""Linear sparse coding: squared error plus a penalty on the codes' absolute values.

    .. math:: \min_{D,\,z_i}\ \frac1N\sum_i \tfrac12\lVert x_i - m - z_i D\rVert^2
        + \text{penalty}\,\lVert z_i\rVert_1, \qquad \lVert D_j\rVert \le 1

    Args:
        images: training images, (N, C, H, W), at least 2: uint8, or float32 of a real-valued set.
        **options: fields of :class:`DictionaryConfig`.

    Returns:
        The fitted baseline; a latent is on where it is not zero.

    Raises:
        ConfigurationError: an unknown option or a value out of range.
        DataError: the images are no uint8 or float32 (N, C, H, W), or fewer than 2.

    Source:
        Olshausen & Field (1996); Mairal et al. (2009), which scikit-learn follows.
    """
    config = configure(DictionaryConfig, "dictionary", options)
    if config.on is not None and config.on > config.latents:
        raise ConfigurationError(
            f"dictionary: on = {config.on} exceeds latents = {config.latents}: "
            f"choose 1 <= on <= {config.latents}"
        )
    x, mean = _training(images)
    # Imported here: it takes seconds.
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
        # With the defaults of these two it stops after a few batches, far from the optimum.
        tol=0.0,
        max_no_improvement=None,
        random_state=config.seed,
    )
    with warnings.catch_warnings():
        # The atoms improve although the codes of early batches are inexact.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = learner.fit(x)
    return _baseline(fitted, mean, images, sparse=True)


def _baseline(fitted: Any, mean: np.ndarray, images: np.ndarray, sparse: bool) -> LinearBaseline:
    channels, height, width = images.shape[1:]
    shape, real = (channels, height, width), images.dtype != np.uint8
    return LinearBaseline(fitted.components_, fitted, mean, shape, sparse, real)


def _training(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centred rows (N, D), and the mean image (D,)."""
    x = to_tensor(images)
    if len(x) < 2 or 0 in x.shape:
        raise DataError(
            f"images are shaped {tuple(x.shape)}: a baseline learns from at least 2 of them"
        )
    mean = x.double().mean(0).flatten().numpy()
    return _centred(x, mean), mean


def _centred(x: Tensor, mean: np.ndarray) -> np.ndarray:
    return x.flatten(1).double().numpy() - mean  # (N, D)
