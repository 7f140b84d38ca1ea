"""What noise on the images does to a code: accuracy, PSNR and SSIM under it."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vsclib.data import DataSet
from vsclib.errors import DataError
from vsclib.metrics.codes import Images, as_floats, codes, device_of, gather, reconstruct
from vsclib.metrics.image_quality import is_real_valued, similarity, ssim_window
from vsclib.metrics.inputs import check_counts, check_seed, check_size
from vsclib.metrics.readers import Classifier
from vsclib.metrics.sampling import probe_rows, stratified_sample
from vsclib.models import Model

NOISE_IMAGES = 2000
"""Test images that a record's numbers under noise are computed on, drawn class by class."""
NOISE_SEED = 2**31
"""Of the noise and of the nets of a record: above every seed that a training may have."""


class Robustness(NamedTuple):
    """One level of noise.

    Attributes:
        sigma: standard deviation of the noise, in units of a pixel's range.
        clipped: whether noisy pixels were cut off at 0 and 1.
        accuracy: share of denoised images that a classifier of clean images labels right, the
            papers' question.
        code_accuracy: share of noisy images whose code a classifier of clean images' codes labels
            right.
        ssim: between the clean and the denoised image.
        ssim_noisy: between the clean and the noisy image: what a model has to beat.
        ssim_printed: between the noisy and the denoised image, as the paper's words have it; a
            perfect denoiser scores only ``ssim_noisy`` there, and a model that does nothing scores
            1. All three are None for images too small for SSIM and for real-valued data.
        psnr: PSNR of the denoised image against the clean one, of each image, then the mean; dB.
        psnr_noisy: the same of the noisy image, infinite without noise: what a model has to beat.
            Both are None for real-valued data, which has no peak.
        accuracy_noisy: share of noisy images that the classifier of clean images labels right,
            without any model: what ``accuracy`` has to beat.
    """

    sigma: float
    clipped: bool
    accuracy: float
    code_accuracy: float
    ssim: float | None
    ssim_noisy: float | None
    ssim_printed: float | None
    psnr: float | None
    psnr_noisy: float | None
    accuracy_noisy: float


def add_noise(
    images: Images, sigma: float, generator: torch.Generator, clipped: bool = True
) -> Tensor:
    r"""Gaussian noise on every pixel: :math:`\tilde x = x + \sigma\epsilon`, cut off at 0 and 1
    when clipped.

    Args:
        images: (N, C, H, W), uint8 array or float tensor in [0, 1].
        sigma: standard deviation, not negative, in units of a pixel's range.
        generator: source of the noise, on the CPU.
        clipped: cut off at 0 and 1; clipping takes about half of the noise off a black background.

    Returns:
        (N, C, H, W) float32.

    Raises:
        ConfigurationError: a negative sigma.
        DataError: real-valued data that is to be clipped.
    """
    check_size(sigma=sigma)
    if clipped and is_real_valued(images):
        raise DataError(
            "clipped = True cuts off at 0 and 1, which real-valued data do not know: choose "
            "clipped = False"
        )
    x = as_floats(images, "cpu")
    noisy = x + sigma * torch.randn(x.shape, generator=generator)
    return noisy.clamp(0.0, 1.0) if clipped else noisy


def robustness(
    model: Model,
    data: DataSet,
    sigmas: Sequence[float] | np.ndarray = (0.0, 0.3, 0.5, 0.7),
    clipped: Sequence[bool] = (True, False),
    test_images: int | None = 1000,
    seed: int = 0,
    of_images: Classifier | None = None,
    ssim_images: int | None = None,
) -> list[Robustness]:
    """Accuracy, PSNR and SSIM under noise.

    Two nets of one layer are fitted on 5,000 clean training images, one on pixels and one on mean
    codes; the noisy test images are encoded, decoded and classified. Training and test images are
    drawn by :func:`stratified_sample` with seed 0, whatever order the set is in. The noise of a
    sigma is the same, clipped or not. Models refuse pixels outside [0, 1]; here they are let
    through, for unclipped noise is what the paper describes.

    Args:
        model: any model.
        data: a data set with labels.
        sigmas: standard deviations of the noise; 0.3, 0.5 and 0.7 are the paper's.
        clipped: which of the two forms to measure.
        test_images: draw so many of the test images; None, or more than there are, takes all.
        seed: of the noise and of the nets.
        of_images: a classifier of clean, flat images that is fitted already, when several models
            are to face the same one; None fits it here.
        ssim_images: take SSIM, the slow part, on so many of the test images only; None takes it on
            all.

    Returns:
        A row for every sigma and form.

    Raises:
        ConfigurationError: a negative sigma or seed, no sigma or form, or fewer than one test image
            or image for SSIM.
        DataError: no labels, images that do not fit the model, or real-valued data to be clipped.

    Source:
        Li & Han (2022), section 4.5, tables 2 and 3.
    """
    check_counts(test_images=test_images, ssim_images=ssim_images, sigmas=len(sigmas))
    check_counts(clipped=len(clipped))
    check_seed(seed)
    if data.train.labels is None or data.test.labels is None:
        raise DataError(f"{data.name} has no labels: robustness of a classifier needs them")
    learned = probe_rows(data.train.labels)
    train, labels = data.train.images[learned], data.train.labels[learned]
    number = len(data.test.labels)
    tested = stratified_sample(data.test.labels, min(test_images or number, number))
    images, wanted = data.test.images[tested], data.test.labels[tested]
    of_images = of_images or Classifier(_flat(as_floats(train)), labels, seed=seed)
    of_codes = Classifier(codes(model, train).z, labels, seed=seed)
    clean = as_floats(images)
    model.check(clean[:1].to(device_of(model)))
    peak = not is_real_valued(images)
    small = min(clean.shape[-2:]) < 3 or not peak
    rows = []
    for form in clipped:
        for sigma in sigmas:
            noisy = add_noise(images, float(sigma), torch.Generator().manual_seed(seed), form)
            # Models refuse pixels outside [0, 1], but unclipped noise is what the paper describes.
            code = gather(model.recognise, noisy, device_of(model))
            denoised = reconstruct(model, code)
            shown = [each[:ssim_images] for each in (clean, noisy, denoised)]
            likeness = [
                None if small else similarity(shown[i], shown[j], ssim_window(tuple(clean.shape)))
                for i, j in ((0, 2), (0, 1), (1, 2))
            ]
            rows.append(
                Robustness(
                    sigma=float(sigma),
                    clipped=bool(form),
                    accuracy=of_images.accuracy(_flat(denoised), wanted),
                    code_accuracy=of_codes.accuracy(code.z, wanted),
                    ssim=likeness[0],
                    ssim_noisy=likeness[1],
                    ssim_printed=likeness[2],
                    psnr=_psnr(clean, denoised) if peak else None,
                    psnr_noisy=_psnr(clean, noisy) if peak else None,
                    accuracy_noisy=of_images.accuracy(_flat(noisy), wanted),
                )
            )
    return rows


def under_noise(
    model: Model,
    data: DataSet,
    sigmas: Sequence[float] | np.ndarray,
    test_images: int = NOISE_IMAGES,
) -> list[dict[str, Any]]:
    """What a record holds of a model under noise.

    The seed of the noise and of the nets, :data:`NOISE_SEED`, is the same for every run and none
    that a training may have: runs that differ in their seed face the same noise and the same
    classifier of images. SSIM is taken on all of the images.

    Args:
        model: any model.
        data: a data set with labels.
        sigmas: standard deviations of the noise, in units of a pixel's range.
        test_images: draw so many of the test images, or take all where there are fewer.

    Returns:
        A row for every form (clipped, then not; real-valued data are not clipped) and sigma: what
        :class:`Robustness` names, and the number of ``test_images``. None stands for an infinite
        PSNR, which JSON does not hold.

    Raises:
        ConfigurationError: a negative sigma, no sigma, or fewer than one test image.
        DataError: no labels, or images that do not fit the model.
    """
    forms = (False,) if is_real_valued(data.test.images) else (True, False)
    rows = robustness(model, data, sigmas, forms, test_images, NOISE_SEED)
    taken = {"test_images": min(test_images, len(data.test.images))}
    return [taken | {name: _finite(v) for name, v in row._asdict().items()} for row in rows]


def _finite(value: float | None) -> float | None:
    return None if value is not None and not math.isfinite(value) else value


def _psnr(clean: Tensor, other: Tensor) -> float:
    """PSNR where the other image may leave [0, 1]."""
    return (-10.0 * (clean - other).square().mean((1, 2, 3)).log10()).mean().item()


def _flat(images: Tensor) -> np.ndarray:
    return images.flatten(1).numpy()
