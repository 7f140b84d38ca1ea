"""How near images are to their originals, one by one, and to others as a cloud."""

import numpy as np
import torch
from torch import Tensor

from vsclib.arguments import ArrayLike, explained
from vsclib.errors import ConfigurationError, DataError
from vsclib.metrics.codes import Images, as_floats, batches, codes, reconstruct
from vsclib.metrics.inputs import check_size, matrix
from vsclib.models import Code, Model

WINDOW, WINDOW_SIGMA = 11, 1.5
"""Side and standard deviation, in pixels, of the Gaussian window that SSIM was published with."""


def image_psnr(images: Images, reconstructions: Images) -> Tensor:
    r"""Peak signal-to-noise ratio of every image.

    .. math:: \mathrm{PSNR}_i = 10\log_{10}\frac{1}{\mathrm{MSE}_i}, \qquad
        \mathrm{MSE}_i = \frac1D\sum_d (x_{id} - \hat x_{id})^2

    Args:
        images: (N, C, H, W), uint8 array or float tensor in [0, 1].
        reconstructions: the same.

    Returns:
        (N,), in dB; infinite for an image that is met exactly.

    Raises:
        DataError: the shapes differ, pixels outside [0, 1], or real-valued data, which has no peak.
    """
    x, y = _pair(images, reconstructions)
    _check_peak(images, x)
    _check_peak(reconstructions, y)
    return -10.0 * (x - y).square().mean((1, 2, 3)).log10()  # (N,)


def psnr(images: Images, reconstructions: Images) -> float:
    r"""Peak signal-to-noise ratio: of every image, then the mean.

    .. math:: \mathrm{PSNR} = \frac1N\sum_i 10\log_{10}\frac{1}{\mathrm{MSE}_i}

    Pooling the error first, :math:`10\log_{10}(1/\overline{\mathrm{MSE}})`, is what torchmetrics
    does by default; it can only be smaller, by a dB or more where images differ in how well they
    are met. Twice this number, :math:`20\log_{10}(1/\mathrm{MSE})`, is in print as well.

    Args:
        images: (N, C, H, W), uint8 array or float tensor in [0, 1].
        reconstructions: the same; say whether they came from mean or from sampled codes.

    Returns:
        dB.

    Raises:
        DataError: the shapes differ, pixels outside [0, 1], or real-valued data, which has no peak.
    """
    return image_psnr(images, reconstructions).mean().item()


def fvu(images: Images, reconstructions: Images) -> float:
    r"""Fraction of variance unexplained: squared error relative to that of the average image.

    .. math:: \mathrm{FVU} = \frac{\sum_i\lVert x_i - \hat x_i\rVert^2}
        {\sum_i\lVert x_i - \bar x\rVert^2}, \qquad \bar x = \frac1N\sum_i x_i

    Zero for reconstructions that are exact and 1 for the average image every time; above 1, that
    image would have been better. Unlike PSNR it pools the error over all images, so that hard
    images count for more, and it does not depend on how bright or varied a data set is.

    Args:
        images: (N, C, H, W), uint8 array or float tensor in [0, 1], not all equal; or real-valued
            data of any range.
        reconstructions: the same.

    Returns:
        No unit.

    Raises:
        DataError: the shapes differ, a NaN, or the images are all the same one.

    Source:
        The reconstruction error that sparse autoencoders report; one minus the explained variance
        of others.
    """
    x, y = (each.double() for each in _pair(images, reconstructions))
    total = (x - x.mean(0)).square().sum().item()
    if total == 0.0:
        raise DataError(
            f"{len(x)} images without a difference have no variance to explain: "
            "give different images"
        )
    return (x - y).square().sum().item() / total


def psnr_thresholded(
    model: Model, images: Images, threshold: float, code: Code | None = None
) -> float:
    r"""PSNR when every small value of the mean code is set to zero: does the decoder need them?

    .. math:: z_j \leftarrow z_j\,\mathbf 1[\,|z_j| \ge t\,]

    Args:
        model: any model; the question is put to generators, whose codes have no exact zeros.
        images: (N, C, H, W), uint8 array or float tensor in [0, 1].
        threshold: t, not negative; 0 leaves the code as it is.
        code: the images' mean codes when they are known already, (N, J); generators take a while to
            infer them.

    Returns:
        dB, per image and then the mean.

    Raises:
        ConfigurationError: a negative threshold.
        DataError: real-valued data, or a code that does not fit the model.
    """
    check_size(threshold=threshold)
    code = code if code is not None else codes(model, images)
    large = code.z.abs() >= threshold  # (N, J)
    return psnr(images, reconstruct(model, code._replace(z=code.z * large)))


@explained
def ssim_window(image_shape: tuple[int, ...]) -> int:
    """Side of the SSIM window: 11 pixels, or the largest odd number that fits into the image.

    Args:
        image_shape: (..., H, W).

    Returns:
        An odd number of pixels.

    Raises:
        DataError: a side of fewer than 3 pixels, on which no window has a middle.
    """
    smaller = min(image_shape[-2:])
    if smaller < 3:
        raise DataError(
            f"images of {image_shape[-2]} x {image_shape[-1]} pixels are too small for SSIM: it "
            "needs 3 x 3 at least, PSNR and FVU do not"
        )
    return min(WINDOW, smaller - 1 + smaller % 2)


def ssim(images: Images, reconstructions: Images, window: int | None = None) -> float:
    r"""Structural similarity: the mean over windows of every image, then over images.

    .. math:: \mathrm{SSIM}(x, y) = \frac{(2\mu_x\mu_y + c_1)(2\sigma_{xy} + c_2)}
        {(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)},
        \qquad c_1 = 0.01^2,\ c_2 = 0.03^2

    for pixels in [0, 1], with means and (co)variances under a Gaussian window of 11 x 11 pixels and
    a standard deviation of 1.5, centred on every pixel, the image mirrored at its border. Images
    smaller than the window take a smaller one, whose standard deviation shrinks with it (7 x 7 and
    0.95 for the 8 x 8 digits).

    Numbers compare only at equal windows and equal borders: versions of torchmetrics before 1.5,
    scikit-image and the published code leave out the windows that cross the border, which lowers
    the number where borders are plain black.

    Args:
        images: (N, C, H, W), uint8 array or float tensor in [0, 1].
        reconstructions: the same; unclipped noise may leave the range here.
        window: side of the window, odd, 3 to 11 pixels; None takes :func:`ssim_window`.

    Returns:
        No unit; 1 for equal images, never above.

    Raises:
        ConfigurationError: the window is even, out of range or larger than the image.
        DataError: the shapes differ, a side below 3 pixels, pixels outside [0, 1], or real-valued
            data, which has no range.

    Source:
        Wang, Bovik, Sheikh & Simoncelli (2004), Eq. 13 and section III-C.
    """
    x, y = _pair(images, reconstructions)
    _check_peak(images, x)
    largest = ssim_window(tuple(x.shape))
    window = largest if window is None else window
    if window not in range(3, largest + 1, 2):
        raise ConfigurationError(
            f"window = {window!r} is not allowed for images of {x.shape[-2]} x {x.shape[-1]} "
            f"pixels: choose an odd number from 3 to {largest}"
        )
    return similarity(x, y, window)


def similarity(x: Tensor, y: Tensor, window: int) -> float:
    """SSIM of two sets (N, C, H, W) of any range, by a window that fits."""
    rows, columns = (_blur(side, window) for side in x.shape[-2:])  # (H, H), (W, W)
    total = 0.0
    for part in batches(len(x)):
        a, b = x[part], y[part]
        # The window is a product of a column and a row, so two products of matrices apply it.
        mean_a, mean_b, square_a, square_b, product = (
            rows @ each @ columns.T for each in (a, b, a * a, b * b, a * b)
        )
        variances = square_a - mean_a.square() + square_b - mean_b.square()
        covariance = product - mean_a * mean_b
        alike = (2.0 * mean_a * mean_b + 0.01**2) * (2.0 * covariance + 0.03**2)
        most = (mean_a.square() + mean_b.square() + 0.01**2) * (variances + 0.03**2)
        total += (alike / most).mean((1, 2, 3)).sum().item()
    return total / len(x)


def _blur(side: int, window: int) -> Tensor:
    """The Gaussian average at every place of a line that is mirrored at its ends, (side, side)."""
    offsets = torch.arange(window) - window // 2
    weights = torch.exp(-0.5 * (offsets / (WINDOW_SIGMA * window / WINDOW)) ** 2)
    places = (torch.arange(side)[:, None] + offsets).abs()  # (side, window)
    places = (side - 1) - (side - 1 - places).abs()
    return torch.zeros(side, side).scatter_add_(
        1, places, (weights / weights.sum()).expand(side, -1)
    )


def _pair(images: Images, reconstructions: Images) -> tuple[Tensor, Tensor]:
    x, y = as_floats(images), as_floats(reconstructions)
    if x.shape != y.shape or x.ndim != 4 or len(x) == 0:
        raise DataError(
            f"images are shaped {tuple(x.shape)} and reconstructions {tuple(y.shape)}: "
            "both must be the same (N, C, H, W)"
        )
    if not (x.isfinite().all() and y.isfinite().all()):
        raise DataError(
            f"images or reconstructions shaped {tuple(x.shape)} hold NaN or infinity: check the "
            "model and the data"
        )
    return x, y


def is_real_valued(images: Images) -> bool:
    """Whether these are the images of a real-valued data set, which know no black and no white."""
    return isinstance(images, np.ndarray) and images.dtype != np.uint8


def _check_peak(images: Images, x: Tensor) -> None:
    if is_real_valued(images):
        raise DataError("real-valued data have no peak, which PSNR and SSIM go by: take FVU")
    low, high = (bound.item() for bound in torch.aminmax(x))
    if low < 0.0 or high > 1.0:
        raise DataError(
            f"pixels from {low:.4g} to {high:.4g}, but PSNR and SSIM take [0, 1]: divide 0..255 "
            "images by 255, and take FVU for real-valued data"
        )


def frechet_distance(first: Tensor | ArrayLike, second: Tensor | ArrayLike) -> float:
    r"""Squared Frechet distance between Gaussians fitted to two sets of features.

    .. math:: d^2 = \|m_1 - m_2\|^2 + \operatorname{tr}\bigl(S_1 + S_2
        - 2\,(S_1^{1/2} S_2\, S_1^{1/2})^{1/2}\bigr)

    Two samples of one distribution do not give zero, and fewer of them give more: print what two
    halves of the real images give beside every such number, from sets of the same size. With
    features of another network than the field's Inception net it is not the number known as FID.

    Args:
        first: features (N, F), N > F for a covariance of full rank.
        second: features (M, F).

    Returns:
        The squared distance, in squared units of the features.

    Raises:
        DataError: shapes that do not fit, fewer than two rows, or features that are no numbers.

    Source:
        Dowson & Landau (1982), Eq. 4; Heusel et al. (2017), Eq. 6.
    """
    x, y = matrix(first), matrix(second)
    if x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise DataError(
            f"features are shaped {x.shape} and {y.shape}: give two rows or more of each, "
            "of the same length"
        )
    s1, s2 = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (x, y))  # (F, F)
    root = _root(s1)
    trace = np.trace(s1) + np.trace(s2) - 2.0 * np.trace(_root(root @ s2 @ root))
    return float(np.square(x.mean(0) - y.mean(0)).sum() + max(trace, 0.0))


def _root(matrix: np.ndarray) -> np.ndarray:
    """The square root of a symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
