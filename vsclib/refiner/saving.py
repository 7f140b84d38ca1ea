"""Refiners on disk: the refiner and its base in one file."""

import dataclasses
import json
from pathlib import Path

from vsclib import checkpoints
from vsclib.errors import CheckpointError
from vsclib.models import Model
from vsclib.refiner.model import Refiner, RefinerConfig, create


def save(refiner: Refiner, path: str | Path) -> None:
    """Write a refiner and the model that it refines, atomically.

    Args:
        refiner: what to write.
        path: the file, by custom ``*.safetensors``.

    Raises:
        CheckpointError: a weight is NaN or infinite, or the file cannot be written.
    """
    base = refiner.base
    tensors = {
        f"base.{name}": value for name, value in base.state_dict().items()
    } | refiner.state_dict()
    metadata = {
        "format": checkpoints.FORMAT,
        "refiner": json.dumps(dataclasses.asdict(refiner.config)),
        "base": base.name,
        "base_config": json.dumps(dataclasses.asdict(base.config)),
    }
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    checkpoints.refuse_broken(path, whole)
    checkpoints.write_tensors(path, whole, metadata)


def load(path: str | Path) -> Refiner:
    """Give a refiner back from its file, its base with it.

    Args:
        path: what :func:`save` wrote.

    Returns:
        The refiner on the CPU.

    Raises:
        CheckpointError: the file is missing or damaged, holds no refiner, or does not fit its own
            options, or holds weights that are no numbers.
        ConfigurationError: ``diffusers`` is not installed.
    """
    tensors, metadata = checkpoints.read_tensors(path)
    checkpoints.refuse_broken(path, tensors)
    if "refiner" not in metadata:
        raise CheckpointError(
            f"{path} holds no refiner: give the file that vsclib.refiner.save wrote"
        )
    parts = {"base": {}, "network": {}}  # type: dict[str, dict]
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        parts.setdefault(kind, {})[rest] = value
    base: Model = checkpoints.restore(
        path, metadata["base"], metadata["base_config"], parts["base"]
    )
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
