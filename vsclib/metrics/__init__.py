"""What the tables print, each number by one stated definition.

Every function names its unit (nats per image, dB, shares between 0 and 1) and the code that it
looks at:

* the **mean code** is ``model.encode(x).z``: no randomness, hard gate (for a VSC ``mu`` where the
  latent is on and exactly zero elsewhere; for a generator the inferred code);
* a **sampled code** is ``model.sample_code(x, generator).z``: one draw from the posterior, spikes
  drawn by the hard gate.

``DEFINITIONS`` holds one sentence for every number of a run's record, units included.

Example:
    >>> import torch
    >>> from vsclib import data, metrics, models
    >>> digits = data.load("digits")
    >>> model = models.create("vsc", image_shape=(1, 8, 8), latents=16, hidden=32)
    >>> code = metrics.codes(model, digits.test.images)
    >>> reconstructed = metrics.reconstruct(model, code)
    >>> 0 < metrics.psnr(digits.test.images, reconstructed) < 20
    True
"""

from vsclib.metrics.blocks import BlockFloor, Blocks, absolute_correlation, block_floor, blocks
from vsclib.metrics.bounds import Elbo, ImportanceBound, elbo, importance_bound
from vsclib.metrics.codes import (
    codes,
    conditional_codes,
    conditional_samples,
    largest_components,
    one_after_another,
    one_at_a_time,
    read_out,
    reconstruct,
)
from vsclib.metrics.collapse import (
    ActiveUnits,
    active_units,
    coefficient_collapsed,
    informative_latents,
    posterior_collapsed,
)
from vsclib.metrics.disentanglement import DCI, Gap, dci, mig, mutual_information
from vsclib.metrics.embedding import Embedding, neighbour_agreement, trustworthiness, tsne
from vsclib.metrics.image_quality import (
    frechet_distance,
    fvu,
    image_psnr,
    psnr,
    psnr_thresholded,
    ssim,
    ssim_window,
)
from vsclib.metrics.on_request import ON_REQUEST, importance_numbers
from vsclib.metrics.readers import (
    Classifier,
    FewLabels,
    accuracy_by_labels,
    linear_accuracy,
    network_accuracy,
)
from vsclib.metrics.record import DEFINITIONS, NOT_QUICK, Evaluation, evaluate
from vsclib.metrics.robustness import (
    NOISE_IMAGES,
    NOISE_SEED,
    Robustness,
    add_noise,
    robustness,
    under_noise,
)
from vsclib.metrics.sampling import PROBE_CODES, stratified_sample
from vsclib.metrics.usage import (
    AggregateSparsity,
    Usage,
    aggregate_sparsity,
    dead_latents,
    l0,
    moving_latents,
    near_zero,
    penalty,
    pseudo_inputs_used,
    usage,
)

__all__ = [
    "DCI",
    "DEFINITIONS",
    "NOISE_IMAGES",
    "NOISE_SEED",
    "NOT_QUICK",
    "ON_REQUEST",
    "PROBE_CODES",
    "ActiveUnits",
    "AggregateSparsity",
    "BlockFloor",
    "Blocks",
    "Classifier",
    "Elbo",
    "Embedding",
    "Evaluation",
    "FewLabels",
    "Gap",
    "ImportanceBound",
    "Robustness",
    "Usage",
    "absolute_correlation",
    "accuracy_by_labels",
    "active_units",
    "add_noise",
    "aggregate_sparsity",
    "block_floor",
    "blocks",
    "codes",
    "coefficient_collapsed",
    "conditional_codes",
    "conditional_samples",
    "dci",
    "dead_latents",
    "elbo",
    "evaluate",
    "frechet_distance",
    "fvu",
    "image_psnr",
    "importance_bound",
    "importance_numbers",
    "informative_latents",
    "l0",
    "largest_components",
    "linear_accuracy",
    "mig",
    "moving_latents",
    "mutual_information",
    "near_zero",
    "neighbour_agreement",
    "network_accuracy",
    "one_after_another",
    "one_at_a_time",
    "penalty",
    "posterior_collapsed",
    "pseudo_inputs_used",
    "psnr",
    "psnr_thresholded",
    "read_out",
    "reconstruct",
    "robustness",
    "ssim",
    "ssim_window",
    "stratified_sample",
    "trustworthiness",
    "tsne",
    "under_noise",
    "usage",
]
