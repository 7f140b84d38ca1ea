"""Every number that a run's record holds, from one call."""

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from vsclib.data import DataSet
from vsclib.errors import DataError, VsclibError
from vsclib.metrics.bounds import Elbo, elbo
from vsclib.metrics.codes import codes, device_of, read_out, reconstruct
from vsclib.metrics.collapse import coefficient_collapsed, informative_latents, posterior_collapsed
from vsclib.metrics.image_quality import fvu, psnr, psnr_thresholded, ssim, ssim_window
from vsclib.metrics.inputs import check_counts
from vsclib.metrics.readers import linear_accuracy
from vsclib.metrics.sampling import probe_rows
from vsclib.metrics.usage import (
    Usage,
    dead_latents,
    l0,
    moving_latents,
    near_zero,
    penalty,
    pseudo_inputs_used,
    usage,
)
from vsclib.models import Code, Model
from vsclib.models.doors import check_generator

Number = float | int | None

# Records keep a digest of these sentences: after a change of words, too, they count as stale.
DEFINITIONS: dict[str, str] = {
    "test_images": "Number of test images that the numbers are computed on, from the first one on.",
    "elbo": "Evidence lower bound, hard gates, 5 draws an image, unweighted KL; nats per image. "
    "None without a bound.",
    "elbo_standard_error": "Standard error of the bound over the images; nats per image.",
    "likelihood": "Mean log-likelihood under sampled codes, the bound's first part; nats per "
    "image.",
    "kl": "KL from posterior to prior, summed over latents, the bound's second part; nats per "
    "image.",
    "elbo_paid": "The bound of a learned prior with the choice of a pseudo-input paid for: the "
    "same likelihood, KL to the plain average of the pseudo-inputs' codes by the same draws; nats "
    "per image. None with a fixed prior.",
    "sparsity_term": "What training adds to hold a learned prior sparse, J KL(mean gamma || "
    "alpha), mean over images; nats per image, no part of the bounds. None for other models.",
    "pseudo_inputs_used": "Number of pseudo-inputs that weigh most for more than 0.1 % of the "
    "images. None with a fixed prior.",
    "psnr": "PSNR at the mean code: 10 log10(1/MSE) of each image, then the mean; dB.",
    "psnr_sampled": "The same PSNR at one sampled code an image; dB. None where the posterior is "
    "no distribution.",
    "fvu": "Fraction of variance unexplained at the mean code: squared error over that of the "
    "average test image; 0 is the best.",
    "ssim": "SSIM at the mean code, Gaussian window, data range 1, mean over images; 1 is the "
    "best.",
    "ssim_window": "Side of SSIM's window in pixels; its standard deviation is 1.5 pixels for 11, "
    "in proportion below.",
    "threshold": "What gamma must exceed for a latent to be on. None for dense models, where all "
    "are on.",
    "on_per_image": "Mean number of latents on for an image, by that threshold.",
    "ever_on": "Number of latents on for more than 0.1 % of the images.",
    "always_on": "Number of latents on for more than 99 % of the images.",
    "sparsity": "Share of code entries that are off; between 0 and 1.",
    "expected_on": "Sum of gamma over latents, mean over images: idle gates at the prior's rate "
    "included.",
    "near_zero": "Share of entries of the mean code with |z| < 0.05; between 0 and 1.",
    "near_zero_0.2": "Share of entries of the mean code with |z| < 0.2; between 0 and 1.",
    "psnr_thresholded_0.05": "PSNR at the mean code with |z| < 0.05 set to zero; dB.",
    "psnr_thresholded_0.2": "PSNR at the mean code with |z| < 0.2 set to zero; dB.",
    "moving_latents": "Number of latents with a variance of mu (of z without one) over the images "
    "above 0.01.",
    "informative_latents": "Number of latents with a mean KL above 0.01 nat. None without a bound.",
    "dead_latents": "Number of latents that are on for no image at all, by the threshold.",
    "l0": "Mean number of entries of an image's mean code that are not exactly zero.",
    "coefficient_collapsed": "Share of latents with |z| at most 0.01 for at least 95 % of the "
    "images; between 0 and 1.",
    "posterior_collapsed": "Share of latents with a KL of at most 0.01 nat for at least 95 % of "
    "the images; between 0 and 1. None without a bound.",
    "accuracy": "Share of test images whose label a logistic regression reads from the mean code "
    "(mu * active for a VSC); C = 1, codes divided by one standard deviation, fitted on 5,000 "
    "training images that a fixed seed draws, classes in proportion (on all when there are fewer).",
    "accuracy_mu_gamma": "The same classifier, fitted on the same images, on mu * gamma. None "
    "where the code has no mu or no gamma.",
    "low_threshold": "2 alpha, the lower read-out of a fixed-prior VSC. None for other models and "
    "from alpha = 0.5 on.",
    "low_on_per_image": "Mean number of latents on for an image with gamma > 2 alpha.",
    "low_psnr": "PSNR at mu where gamma > 2 alpha and zero elsewhere; dB.",
    "low_accuracy": "The same classifier, fitted on the same images, on mu where gamma > 2 alpha "
    "and zero elsewhere.",
}
"""What each key of :func:`evaluate` means, unit included."""

Measures = Literal["full", "quick"]

NOT_QUICK = (
    "elbo_paid",
    "psnr_thresholded_0.05",
    "psnr_thresholded_0.2",
    "accuracy",
    "accuracy_mu_gamma",
    "low_psnr",
    "low_accuracy",
)
"""What ``measures = "quick"`` leaves out: most of the time goes into these."""


class Evaluation(NamedTuple):
    """The numbers of a record.

    Attributes:
        numbers: name to number; None where the model has no such number.
        not_measured: name to the reason why its number is not there.
    """

    numbers: dict[str, Number]
    not_measured: dict[str, str]

    @classmethod
    def of(cls, numbers: Mapping[str, Number], not_measured: Mapping[str, str]) -> Self:
        """The same, with numbers that JSON cannot hold moved to those that were not measured."""
        broken = {
            name: f"the number is {'infinite' if math.isinf(value) else 'not a number'}"
            for name, value in numbers.items()
            if value is not None and not math.isfinite(value)
        }
        sound = {name: value for name, value in numbers.items() if name not in broken}
        return cls(sound, {**not_measured, **broken})


def evaluate(
    model: Model,
    data: DataSet,
    generator: torch.Generator,
    test_images: int | None = None,
    samples: int = 5,
    measures: Measures = "full",
) -> Evaluation:
    """Every number that a run's record holds.

    Args:
        model: any model.
        data: a data set; codes of 5,000 training images, drawn by a fixed seed, serve the
            classifier, all else is about the test images.
        generator: source of the draws, on the model's device.
        test_images: use only the first so many test images; None takes all. Subsets differ by half
            a dB, so say so.
        samples: draws for each image in the evidence lower bound.
        measures: ``quick`` leaves out what takes longest (:data:`NOT_QUICK`); the other numbers are
            the same.

    Returns:
        Numbers ready for JSON and reasons; every key of :data:`DEFINITIONS` is in one of the two.
        A measure that fails costs its own number, not those of the others.

    Raises:
        ConfigurationError: fewer than one test image or draw, another word for ``measures``, or a
            generator on another device.
        DataError: the images do not fit the model, or its codes are no numbers.
    """
    check_counts(test_images=test_images, samples=samples)
    check_generator(generator, device_of(model))
    subject = _Subject(model, data, generator, test_images, samples, measures == "full")
    numbers: dict[str, Number] = {}
    left_out = {} if subject.full else dict.fromkeys(NOT_QUICK, "left out by measures = 'quick'")
    not_measured = dict(left_out)
    for name in (name for name in DEFINITIONS if name not in left_out):
        try:
            numbers[name] = _MEASURES[name](subject)
        except VsclibError as reason:
            not_measured[name] = str(reason)
        except (ValueError, RuntimeError, ArithmeticError) as error:
            first = str(error).splitlines()[0] if str(error) else "without a message"
            not_measured[name] = f"raised {type(error).__name__}: {first}"
    return Evaluation.of(numbers, not_measured)


class _Subject:
    """A model and its test images, with what several measures share, made when first asked for."""

    def __init__(
        self,
        model: Model,
        data: DataSet,
        generator: torch.Generator,
        test_images: int | None,
        samples: int,
        full: bool,
    ) -> None:
        self.model, self.data, self.generator, self.samples = model, data, generator, samples
        self.full = full
        self.x: np.ndarray = data.test.images[:test_images]
        self.code: Code = codes(model, self.x)
        self.threshold = 0.5 if model.threshold is None else model.threshold

    @cached_property
    def bound(self) -> Elbo | None:
        return elbo(self.model, self.x, self.generator, self.samples, self.code, self.full)

    @cached_property
    def reconstructions(self) -> Tensor:
        return reconstruct(self.model, self.code)

    @cached_property
    def usage(self) -> Usage:
        return usage(self.code, self.threshold)

    @cached_property
    def low(self) -> float | None:
        """Twice the prior's rate, where the code is a spike-and-slab with such a rate."""
        rate = self.model.prior_rate
        # A learned prior rests at no common rate.
        has_rate = self.gated and not self.model.chooses_prior
        return 2.0 * rate if has_rate and rate is not None and rate < 0.5 else None

    @property
    def gated(self) -> bool:
        """Whether the code has a slab and a gate."""
        return self.code.gamma is not None and self.code.mu is not None

    @cached_property
    def classified(self) -> tuple[Code, np.ndarray, np.ndarray]:
        """Codes and labels of the images that the classifier is fitted on, labels of the test."""
        train, test = self.data.train, self.data.test
        if train.labels is None or test.labels is None:
            raise DataError("no labels in the data set")
        drawn = probe_rows(train.labels)
        code = codes(self.model, train.images[drawn])
        return code, train.labels[drawn], test.labels[: len(self.x)]

    def sampled_psnr(self) -> Number:
        if self.bound is None:
            return None
        sampled = reconstruct(self.model, self.x, sampled=True, generator=self.generator)
        return psnr(self.x, sampled)

    def accuracy(self, read: Callable[[Code], Tensor]) -> Number:
        """What the classifier reads from one form of the code."""
        train, train_labels, labels = self.classified
        return linear_accuracy(read(train), train_labels, read(self.code), labels)

    def with_bound(self, measure: Callable[[Elbo], Number]) -> Number:
        return None if self.bound is None else measure(self.bound)

    def with_low(self, measure: Callable[[float], Number]) -> Number:
        return None if self.low is None else measure(self.low)


_MEASURES: dict[str, Callable[[_Subject], Number]] = {
    "test_images": lambda s: len(s.x),
    "elbo": lambda s: s.with_bound(lambda bound: bound.elbo),
    "elbo_standard_error": lambda s: s.with_bound(lambda bound: bound.standard_error),
    "likelihood": lambda s: s.with_bound(lambda bound: bound.likelihood),
    "kl": lambda s: s.with_bound(lambda bound: bound.kl),
    "elbo_paid": lambda s: s.with_bound(lambda bound: bound.paid),
    "sparsity_term": lambda s: s.with_bound(lambda _: penalty(s.model, s.code)),
    "pseudo_inputs_used": lambda s: s.with_bound(lambda _: pseudo_inputs_used(s.code)),
    "psnr": lambda s: psnr(s.x, s.reconstructions),
    "psnr_sampled": _Subject.sampled_psnr,
    "fvu": lambda s: fvu(s.x, s.reconstructions),
    "ssim": lambda s: ssim(s.x, s.reconstructions),
    "ssim_window": lambda s: ssim_window(s.x.shape),
    "threshold": lambda s: None if s.code.gamma is None else s.threshold,
    "on_per_image": lambda s: s.usage.on_per_image,
    "ever_on": lambda s: s.usage.ever_on,
    "always_on": lambda s: s.usage.always_on,
    "sparsity": lambda s: s.usage.sparsity,
    "expected_on": lambda s: None if s.code.gamma is None else s.code.gamma.sum(1).mean().item(),
    "near_zero": lambda s: near_zero(s.code),
    "near_zero_0.2": lambda s: near_zero(s.code, 0.2),
    "psnr_thresholded_0.05": lambda s: psnr_thresholded(s.model, s.x, 0.05, s.code),
    "psnr_thresholded_0.2": lambda s: psnr_thresholded(s.model, s.x, 0.2, s.code),
    "moving_latents": lambda s: moving_latents(s.code),
    "informative_latents": lambda s: informative_latents(s.model, s.code),
    "dead_latents": lambda s: dead_latents(s.code, s.threshold),
    "l0": lambda s: l0(s.code),
    "coefficient_collapsed": lambda s: coefficient_collapsed(s.code),
    "posterior_collapsed": lambda s: posterior_collapsed(s.model, s.code),
    "accuracy": lambda s: s.accuracy(lambda code: code.z),
    "accuracy_mu_gamma": lambda s: s.accuracy(lambda c: c.slab[0] * c.spike) if s.gated else None,
    "low_threshold": lambda s: s.low,
    "low_on_per_image": lambda s: s.with_low(lambda low: usage(s.code, low).on_per_image),
    "low_psnr": lambda s: s.with_low(
        lambda low: psnr(s.x, reconstruct(s.model, read_out(s.code, low)))
    ),
    "low_accuracy": lambda s: s.with_low(
        lambda low: s.accuracy(lambda code: read_out(code, low).z)
    ),
}
"""How each number is taken. The bound draws before the sampled codes do."""
