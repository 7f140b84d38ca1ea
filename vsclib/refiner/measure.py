"""What refinement buys and what it costs, as the numbers of a record."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from vsclib.data import DataSet
from vsclib.errors import ConfigurationError, DataError
from vsclib.metrics import Classifier, psnr, reconstruct, ssim
from vsclib.metrics.codes import Images, as_floats, device_of
from vsclib.metrics.images import frechet_distance
from vsclib.refiner.model import STEPS, Refiner

FITTED = 10_000
"""Training images that the classifier is fitted on."""

DEFINITIONS: dict[str, str] = {
    "test_images": "Number of test images that the numbers are computed on, from the first one on.",
    "refiner_steps": "Steps of a refinement, unless the table says another number.",
    "psnr": "PSNR of the base's mean reconstructions: 10 log10(1/MSE) of each image, then the mean; dB.",
    "psnr_refined": "The same after refinement; dB. It falls wherever the refiner invents another detail than the image has.",
    "ssim": "SSIM of the base's mean reconstructions, mean over images; 1 is the best.",
    "ssim_refined": "The same after refinement.",
    "edges": "Mean absolute difference of neighbouring pixels in the test images.",
    "edges_reconstructed": "The same in the base's mean reconstructions: less where they are blurred.",
    "edges_refined": "The same after refinement.",
    "accuracy": "Share of test images whose label a net with one hidden layer reads from the pixels; fitted on real training "
    "images, 10,000 at most.",
    "accuracy_reconstructed": "The same net on the base's mean reconstructions.",
    "accuracy_refined": "The same net on refined reconstructions.",
    "label_kept": "Share of reconstructions that the net gives the same label before and after refinement.",
    "distance_floor": "Squared Frechet distance, in the net's hidden layer, between the two halves of the test images: what "
    "no set of images can be expected to beat.",
    "distance_reconstructed": "The same, from the second half to mean reconstructions of the first.",
    "distance_refined": "The same, from the second half to refined reconstructions of the first.",
    "distance_samples": "The same, from the second half to as many of the base's samples.",
    "distance_samples_refined": "The same, from the second half to those samples, refined.",
}
"""What each number of :func:`evaluate` means, unit included."""


def edges(images: Images) -> float:
    """Mean absolute difference of neighbouring pixels, across and down; images (N, C, H, W), pixels
    from 0 to 1.
    """
    x = as_floats(images)
    return 0.5 * (x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean()).item()


class Judge:
    """A net that knows real images: it names what it sees, and its hidden layer says how like two
    sets of images are.

    Args:
        data: a data set with labels; its first training images are learned.
        seed: of the net.
    """

    def __init__(self, data: DataSet, seed: int) -> None:
        if data.train.labels is None or data.test.labels is None:
            raise DataError(
                f"{data.name} has no labels, but the judge of refined images needs them: choose another set"
            )
        images = as_floats(data.train.images[:FITTED]).flatten(1)  # (N, D)
        self.net = Classifier(images, data.train.labels[:FITTED], seed=seed)

    def labels(self, images: Images) -> np.ndarray:
        """What it takes images (N, C, H, W) for, (N,)."""
        return self.net.predict(as_floats(images).flatten(1))

    def features(self, images: Images) -> np.ndarray:
        """The hidden layer's outputs, (N, F)."""
        weights, bias = self.net.network.coefs_[0], self.net.network.intercepts_[0]
        x = as_floats(images).flatten(1).double().numpy() / self.net.scale  # (N, D)
        return np.maximum(x @ weights + bias, 0.0)


def evaluate(
    refiner: Refiner,
    data: DataSet,
    steps: Sequence[int] = (STEPS,),
    test_images: int | None = None,
    seed: int = 0,
) -> tuple[dict[str, float | int], list[dict[str, Any]]]:
    """Every number of a refiner's record.

    Args:
        refiner: a trained refiner.
        data: a data set with labels.
        steps: numbers of steps to compare; the record's own numbers are those of the last.
        test_images: use only the first so many test images; None takes all.
        seed: of the noise, of the samples and of the judge. Every number of steps starts from the
            same noise.

    Returns:
        The numbers by the names of :data:`DEFINITIONS`, and a row for each number of steps.

    Raises:
        ConfigurationError: no number of steps, or fewer than four test images.
        DataError: the images do not fit or have no labels.
    """
    x = data.test.images[:test_images]
    if not len(steps) or len(x) < 4:
        raise ConfigurationError(
            f"{len(steps)} numbers of steps and {len(x)} test images: choose 1 and 4 or more"
        )
    judge, half = Judge(data, seed), len(x) // 2
    labels = np.asarray(data.test.labels)[: len(x)]
    real, device = judge.features(x[half:]), device_of(refiner)

    def seeded() -> torch.Generator:
        return torch.Generator(device).manual_seed(seed)

    def distance(images: Images) -> float:
        return frechet_distance(judge.features(images), real)

    blurred = reconstruct(refiner.base, x)  # (N, C, H, W)
    drawn = refiner.base.sample(half, seeded()).cpu()
    before = judge.labels(blurred)
    rows: list[dict[str, Any]] = []
    for count in steps:
        began = time.process_time()
        sharp = refiner.refine(blurred.to(device), seeded(), count).cpu()
        seconds = (time.process_time() - began) / len(x)
        samples = refiner.refine(drawn.to(device), seeded(), count).cpu()
        after = judge.labels(sharp)
        rows.append(
            {
                "steps": count,
                "psnr_refined": psnr(x, sharp),
                "ssim_refined": ssim(x, sharp),
                "edges_refined": edges(sharp),
                "accuracy_refined": float((after == labels).mean()),
                "label_kept": float((after == before).mean()),
                "distance_refined": distance(sharp[:half]),
                "distance_samples_refined": distance(samples),
                "cpu_seconds_per_image": seconds,
            }
        )
    numbers = {
        "test_images": len(x),
        "refiner_steps": steps[-1],
        "psnr": psnr(x, blurred),
        "ssim": ssim(x, blurred),
        "edges": edges(x),
        "edges_reconstructed": edges(blurred),
        "accuracy": float((judge.labels(x) == labels).mean()),
        "accuracy_reconstructed": float((before == labels).mean()),
        "distance_floor": distance(x[:half]),
        "distance_reconstructed": distance(blurred[:half]),
        "distance_samples": distance(drawn),
    } | rows[-1]
    return {name: numbers[name] for name in DEFINITIONS}, rows
