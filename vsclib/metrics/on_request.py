"""Numbers of a record that a run has only when it asks for them."""

import torch

from vsclib.metrics.bounds import importance_bound
from vsclib.metrics.codes import Images
from vsclib.models import Model

# A record without them is not stale; one that has them is held to the sentences.
ON_REQUEST: dict[str, str] = {
    "importance_bound": "Importance-weighted bound of the first importance_images test images (of "
    "all where that is None), importance_draws draws each, hard gates; nats per image. None "
    "without a bound.",
    "importance_bound_standard_error": "Standard error of that bound over the images; nats per "
    "image. None without a bound.",
    "effective_draws": "How many of the importance_draws draws count, (sum w)^2 / sum w^2, mean "
    "over the images; between 1 and importance_draws. None without a bound.",
}
"""What these numbers mean, unit included."""


def importance_numbers(
    model: Model, images: Images, generator: torch.Generator, draws: int
) -> dict[str, float | None]:
    """The numbers of :data:`ON_REQUEST`, each None for a model without a bound.

    Args:
        model, images, generator, draws: as for :func:`~vsclib.metrics.importance_bound`.
    """
    found = importance_bound(model, images, generator, draws)
    values = (None,) * len(ON_REQUEST) if found is None else tuple(found)
    return dict(zip(ON_REQUEST, values, strict=True))
