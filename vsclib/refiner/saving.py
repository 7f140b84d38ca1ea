"""Refiners on disk: the refiner and its base in one file."""

import dataclasses
import json
from pathlib import Path

from vsclib import checkpoints
from vsclib.errors import CheckpointError
from vsclib.models import Model
from vsclib.refiner.model import Refiner, RefinerConfig, create


def save(refiner: Refiner, path: str | Path) -> None:
    """Write a refiner and the model that it refines to a file, ``*.safetensors`` by custom,
    atomically.
    """
    base = refiner.base
    tensors = {f"base.{name}": value for name, value in base.state_dict().items()}
    tensors |= refiner.state_dict()
    metadata = {
        "format": checkpoints.FORMAT,
        "refiner": json.dumps(dataclasses.asdict(refiner.config)),
        "base": base.name,
        "base_config": json.dumps(dataclasses.asdict(base.config)),
    }
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    checkpoints.write_tensors(path, whole, metadata)


def load(path: str | Path) -> Refiner:
    """Give a refiner back on the CPU, its base with it, from the file that :func:`save` wrote.

    Raises:
        CheckpointError: a file that is missing or damaged, holds no refiner, or does not fit its
            options.
        ConfigurationError: ``diffusers`` is not installed.
    """
    tensors, metadata = checkpoints.read_tensors(path)
    if "refiner" not in metadata:
        raise CheckpointError(
            f"{path} holds no refiner: give the file that vsclib.refiner.save wrote"
        )
    parts = {"base": {}, "network": {}}  # type: dict[str, dict]
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        parts.setdefault(kind, {})[rest] = value
    described = metadata["base"], metadata["base_config"]
    base: Model = checkpoints.restore(path, *described, parts["base"])
    options = json.loads(metadata["refiner"])
    unknown = set(options) - {field.name for field in dataclasses.fields(RefinerConfig)}
    if unknown:
        raise CheckpointError(
            f"{path} does not fit this version of the library (option {unknown}): train it again"
        )
    refiner = create(base, **options)
    try:
        refiner.network.load_state_dict(parts["network"])
    except RuntimeError as error:
        raise CheckpointError(
            f"{path} does not fit its own options ({str(error).splitlines()[0]}): "
            "train the refiner again"
        ) from None
    return refiner.eval()
