"""Which training a checkpoint belongs to."""

import dataclasses
import json
import zlib
from typing import Any

import numpy as np

from vsclib.errors import CheckpointError
from vsclib.models import Trainable
from vsclib.training.config import TrainingConfig

DECISIVE = (
    "steps",
    "batch_size",
    "learning_rate",
    "seed",
    "learning_rate_end",
    "learning_rate_switch",
    "optimizer",
    "optimizer_options",
    "scheduler",
    "scheduler_options",
    "clip_norm",
    "precision",
    "draw_pixels",
)
"""The options of a training that its weights depend on."""


def checksum_of(pixels: np.ndarray) -> str:
    """Number and checksum of images, in words."""
    checksum = zlib.crc32(np.ascontiguousarray(pixels).data)
    return f"{len(pixels)} with checksum {checksum:08x}"


def weights_checksum(model: Trainable) -> str:
    """Checksum of everything that a model keeps."""
    checksum = 0
    for name, value in sorted(model.state_dict().items()):
        values = value.detach().cpu().contiguous().flatten().numpy()
        checksum = zlib.crc32(values.data, zlib.crc32(name.encode(), checksum))
    return f"{checksum:08x}"


def identity_of(
    model: Trainable, config: TrainingConfig, device: str, images: str, validation: str | None
) -> dict[str, Any]:
    """What must be the same for a checkpoint to belong to a training, as JSON knows it.

    Args:
        model: what is trained.
        config: how.
        device: kind of device; the state of a generator means nothing to another kind's.
        images: checksum of the training images.
        validation: checksum of the validation images.
    """
    found = {name: getattr(config, name) for name in DECISIVE}
    found |= {"device": device, "images": images, "validation": validation}
    found |= {"model": model.name} | dataclasses.asdict(model.config)
    return json.loads(json.dumps(found))


def refuse_another(
    path: Any, written: str, wanted: dict[str, Any], model: Trainable, extend: bool
) -> None:
    """Refuse the checkpoint of another training.

    Args:
        path: the checkpoint, for the message.
        written: the identity that it holds; an option that is newer than it had its default.
        wanted: the identity of this training.
        model: what is trained.
        extend: whether fewer steps will do.

    Raises:
        CheckpointError: naming the first difference.
    """
    try:
        found = dict(json.loads(written))
    except (TypeError, ValueError):
        raise CheckpointError(
            f"{path} is damaged (it names no training): delete it and train again"
        ) from None
    defaults = _defaults(TrainingConfig()) | _defaults(model.config)
    for name in {**wanted, **found}:
        there, here = (side.get(name, defaults.get(name)) for side in (found, wanted))
        longer = name == "steps" and isinstance(there, int) and there < wanted["steps"]
        if there == here or (longer and extend):
            continue
        remedy = "choose another checkpoint file, or delete this one to start afresh"
        if longer:
            remedy += f", or give extend=True to go on from step {there}"
        raise CheckpointError(
            f"{path} belongs to another training ({name} = {there!r}, wanted {here!r}): {remedy}"
        )


def _defaults(config: Any) -> dict[str, Any]:
    found = {}
    for field in dataclasses.fields(config):
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
    return json.loads(json.dumps(found, default=str))
