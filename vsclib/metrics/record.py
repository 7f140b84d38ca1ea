"""Every number that a run's record holds, from one call."""

import math

import numpy as np
import torch

from vsclib.data import DataSet
from vsclib.errors import ConfigurationError
from vsclib.metrics.bounds import elbo
from vsclib.metrics.codes import codes, read_out, reconstruct
from vsclib.metrics.collapse import (
    coefficient_collapsed,
    informative_latents,
    posterior_collapsed,
)
from vsclib.metrics.images import fvu, psnr, psnr_thresholded, ssim, ssim_window
from vsclib.metrics.readers import PROBE_CODES, linear_accuracy
from vsclib.metrics.usage import (
    dead_latents,
    l0,
    moving_latents,
    near_zero,
    penalty,
    pseudo_inputs_used,
    usage,
)
from vsclib.models import Code, Model

DEFINITIONS: dict[str, str] = {
    "test_images": "Number of test images that the numbers are computed on, from the first one on.",
    "elbo": "Evidence lower bound, hard gates, 5 draws an image, unweighted KL; nats per image. None without a bound.",
    "elbo_standard_error": "Standard error of the bound over the images; nats per image.",
    "likelihood": "Mean log-likelihood under sampled codes, the bound's first part; nats per image.",
    "kl": "KL from posterior to prior, summed over latents, the bound's second part; nats per image.",
    "elbo_paid": "The bound of a learned prior with the choice of a pseudo-input paid for: the same likelihood, KL to the plain "
    "average of the pseudo-inputs' codes by the same draws; nats per image. None with a fixed prior.",
    "sparsity_term": "What training adds to hold a learned prior sparse, J KL(mean gamma || alpha), mean over images; nats per "
    "image, no part of the bounds. None for other models.",
    "pseudo_inputs_used": "Number of pseudo-inputs that weigh most for more than 0.1 % of the images. None with a fixed prior.",
    "psnr": "PSNR at the mean code: 10 log10(1/MSE) of each image, then the mean; dB.",
    "psnr_sampled": "The same PSNR at one sampled code an image; dB. None where the posterior is no distribution.",
    "fvu": "Fraction of variance unexplained at the mean code: squared error over that of the average test image; 0 is the best.",
    "ssim": "SSIM at the mean code, Gaussian window, data range 1, mean over images; 1 is the best.",
    "ssim_window": "Side of SSIM's window in pixels; its standard deviation is 1.5 pixels for 11, in proportion below.",
    "threshold": "What gamma must exceed for a latent to be on. None for dense models, where all are on.",
    "on_per_image": "Mean number of latents on for an image, by that threshold.",
    "ever_on": "Number of latents on for more than 0.1 % of the images.",
    "always_on": "Number of latents on for more than 99 % of the images.",
    "sparsity": "Share of code entries that are off; between 0 and 1.",
    "expected_on": "Sum of gamma over latents, mean over images: idle gates at the prior's rate included.",
    "near_zero": "Share of entries of the mean code with |z| < 0.05; between 0 and 1.",
    "near_zero_0.2": "Share of entries of the mean code with |z| < 0.2; between 0 and 1.",
    "psnr_thresholded_0.05": "PSNR at the mean code with |z| < 0.05 set to zero; dB.",
    "psnr_thresholded_0.2": "PSNR at the mean code with |z| < 0.2 set to zero; dB.",
    "moving_latents": "Number of latents with a variance of mu (of z without one) over the images above 0.01.",
    "informative_latents": "Number of latents with a mean KL above 0.01 nat. None without a bound.",
    "dead_latents": "Number of latents that are on for no image at all, by the threshold.",
    "l0": "Mean number of entries of an image's mean code that are not exactly zero.",
    "coefficient_collapsed": "Share of latents with |z| at most 0.01 for at least 95 % of the images; between 0 and 1.",
    "posterior_collapsed": "Share of latents with a KL of at most 0.01 nat for at least 95 % of the images; between 0 and 1. "
    "None without a bound.",
    "accuracy": "Share of test images whose label a logistic regression reads from the mean code (mu * active for a "
    "VSC); C = 1, codes divided by one standard deviation, fitted on the first 5,000 training images.",
    "accuracy_mu_gamma": "The same classifier on mu * gamma. None where the code has no mu or no gamma.",
    "low_threshold": "2 alpha, the lower read-out of a fixed-prior VSC. None for other models and from alpha = 0.5 on.",
    "low_on_per_image": "Mean number of latents on for an image with gamma > 2 alpha.",
    "low_psnr": "PSNR at mu where gamma > 2 alpha and zero elsewhere; dB.",
    "low_accuracy": "The classifier's accuracy on mu where gamma > 2 alpha and zero elsewhere.",
}
"""What each key of :func:`evaluate` means, unit included."""

Record = dict[str, float | int | None]


def evaluate(
    model: Model,
    data: DataSet,
    generator: torch.Generator,
    test_images: int | None = None,
    samples: int = 5,
) -> Record:
    """Every number that a run's record holds.

    Args:
        model: any model.
        data: a data set; codes of its first 5,000 training images serve the classifier, all else is
            about the test images.
        generator: source of the draws, on the model's device.
        test_images: use only the first so many test images; None takes all. Subsets differ by half
            a dB, so say so.
        samples: draws for each image in the evidence lower bound.

    Returns:
        A flat dictionary, ready for JSON, with the keys of :data:`DEFINITIONS` in that order. None
        stands where a model has no such number, and where a PSNR is infinite.

    Raises:
        ConfigurationError: fewer than one test image.
        DataError: the images do not fit the model, or its codes are no numbers.
    """
    if test_images is not None and test_images < 1:
        raise ConfigurationError(
            f"test_images = {test_images!r} is not allowed: choose at least 1, or None for all"
        )
    x = data.test.images[:test_images]
    code = codes(model, x)
    record: Record = dict.fromkeys(DEFINITIONS)
    record["test_images"] = len(x)
    record |= _bound(model, x, code, generator, samples)
    record |= _pixels(model, x, code)
    record |= _sparsity(model, code)
    record |= _probe(model, data, x, code)
    return {
        key: value if value is None or math.isfinite(value) else None
        for key, value in record.items()
    }


def _bound(
    model: Model, x: np.ndarray, code: Code, generator: torch.Generator, samples: int
) -> Record:
    bound = elbo(model, x, generator, samples, code)
    if bound is None:
        return {}
    return {
        "elbo": bound.elbo,
        "elbo_standard_error": bound.standard_error,
        "likelihood": bound.likelihood,
        "kl": bound.kl,
        "elbo_paid": bound.paid,
        "sparsity_term": penalty(model, code),
        "pseudo_inputs_used": pseudo_inputs_used(code),
        "psnr_sampled": psnr(x, reconstruct(model, x, sampled=True, generator=generator)),
        "informative_latents": informative_latents(model, code),
        "posterior_collapsed": posterior_collapsed(model, code),
    }


def _pixels(model: Model, x: np.ndarray, code: Code) -> Record:
    reconstructions = reconstruct(model, code)
    return {
        "psnr": psnr(x, reconstructions),
        "fvu": fvu(x, reconstructions) if np.ptp(x, axis=0).any() else None,
        "ssim": ssim(x, reconstructions),
        "ssim_window": ssim_window(x.shape),
        "psnr_thresholded_0.05": psnr_thresholded(model, x, 0.05, code),
        "psnr_thresholded_0.2": psnr_thresholded(model, x, 0.2, code),
    }


def _sparsity(model: Model, code: Code) -> Record:
    threshold = 0.5 if model.threshold is None else model.threshold
    return {
        "threshold": None if code.gamma is None else threshold,
        **usage(code, threshold)._asdict(),
        "expected_on": None if code.gamma is None else code.gamma.sum(1).mean().item(),
        "near_zero": near_zero(code),
        "near_zero_0.2": near_zero(code, 0.2),
        "moving_latents": moving_latents(code),
        "dead_latents": dead_latents(code, threshold),
        "l0": l0(code),
        "coefficient_collapsed": coefficient_collapsed(code),
    }


def _probe(model: Model, data: DataSet, x: np.ndarray, code: Code) -> Record:
    """What the classifier reads from each form of the code, and the other numbers of the lower
    threshold.
    """
    low = _low_threshold(model, code)
    record: Record = {"low_threshold": low}
    if low is not None:
        lower = read_out(code, low)
        record["low_on_per_image"] = usage(code, low).on_per_image
        record["low_psnr"] = psnr(x, reconstruct(model, lower))
    if data.train.labels is None or data.test.labels is None:
        return record
    train = codes(model, data.train.images[:PROBE_CODES])
    labels = data.train.labels[:PROBE_CODES], data.test.labels[: len(x)]
    record["accuracy"] = linear_accuracy(train.z, labels[0], code.z, labels[1])
    if (
        train.mu is not None
        and train.gamma is not None
        and code.mu is not None
        and code.gamma is not None
    ):
        record["accuracy_mu_gamma"] = linear_accuracy(
            train.mu * train.gamma, labels[0], code.mu * code.gamma, labels[1]
        )
    if low is not None:
        record["low_accuracy"] = linear_accuracy(
            read_out(train, low).z, labels[0], lower.z, labels[1]
        )
    return record


def _low_threshold(model: Model, code: Code) -> float | None:
    """Twice the prior's rate, where the code is a spike-and-slab with such a rate."""
    # A learned prior rests at no common rate.
    if code.gamma is None or code.mu is None or model.chooses_prior:
        return None
    rate = model.prior_rate
    return 2.0 * rate if rate is not None and rate < 0.5 else None
