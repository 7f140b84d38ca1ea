"""MATLAB's ``imresize(image, [height width])``, which drew the Smiley images."""

import numpy as np


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    r"""Bicubic resize with antialiasing, separable, the border mirrored.

    .. math::
        y_o = \frac{\sum_i h(u_o - i)\,x_i}{\sum_i h(u_o - i)},\qquad
        u_o = \frac{o}{s} + \frac12\Bigl(1 - \frac1s\Bigr)

    for the 1-based output pixel :math:`o` and the scale :math:`s` = output length / input length of
    one axis, with Keys' cubic :math:`k` as the kernel, :math:`h(x) = k(x)` when growing and
    :math:`h(x) = s\,k(s x)` when shrinking. Values may leave the input's range, as the cubic
    overshoots.

    Args:
        image: shaped (H, W).
        height, width: rows and columns of the result, at least 1; it is float64.

    Source:
        Keys (1981), Eq. 15, a = -1/2; the scale, the kernel's widening and the mirrored border are
        MATLAB's. Pillow and torch end the image at its border instead, which moves pixels.
    """
    rows = _weights(image.shape[0], height)  # (height, H)
    columns = _weights(image.shape[1], width)  # (width, W)
    return rows @ image @ columns.T  # (height, width)


def _weights(length: int, new_length: int) -> np.ndarray:
    """Share of each input pixel in each output pixel of an axis, shaped (new_length, length)."""
    scale = new_length / length
    shrink = min(scale, 1.0)
    support = 4 / shrink
    # Positions of the output pixels among the input's, which count from 1: (new_length,)
    centre = np.arange(1, new_length + 1) / scale + 0.5 * (1 - 1 / scale)
    first = np.floor(centre - support / 2).astype(int)
    taps = first[:, None] + np.arange(int(np.ceil(support)) + 2)  # (new_length, taps)
    kernel = _cubic(shrink * (centre[:, None] - taps))
    kernel /= kernel.sum(axis=1, keepdims=True)
    mirror = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    weights = np.zeros((new_length, length))
    np.add.at(weights, (np.arange(new_length)[:, None], mirror[(taps - 1) % (2 * length)]), kernel)
    return weights


def _cubic(x: np.ndarray) -> np.ndarray:
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
