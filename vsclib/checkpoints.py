"""Models on disk: weights as safetensors, with the model's name and options in the same file."""

import dataclasses
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vsclib import models
from vsclib.errors import CheckpointError
from vsclib.files import write_atomically
from vsclib.models import Model

FORMAT = "vsclib 1"


def save(model: Model, path: str | Path, dtype: torch.dtype | None = None) -> None:
    """Write a model atomically.

    Args:
        model: what to write.
        path: the file, by custom ``*.safetensors``.
        dtype: convert the weights, for example to ``torch.float16`` for a published page; none
            keeps them.
    """
    tensors = {
        name: value.detach().to("cpu", dtype).contiguous()
        for name, value in model.state_dict().items()
    }
    metadata = {
        "format": FORMAT,
        "model": model.name,
        "config": json.dumps(dataclasses.asdict(model.config)),
    }
    write_tensors(path, tensors, metadata)


def load(path: str | Path) -> Model:
    """Give a model back from its file.

    Args:
        path: what :func:`save` wrote.

    Returns:
        The model on the CPU, in float32.

    Raises:
        CheckpointError: the file is missing or damaged, was written by another program, or does not
            fit its own options.
    """
    tensors, metadata = read_tensors(path)
    if "refiner" in metadata:
        raise CheckpointError(
            f"{path} holds a refiner and its base: give it to vsclib.refiner.load"
        )
    if "config" not in metadata or "model" not in metadata:
        raise CheckpointError(
            f"{path} holds the state of a training, not a finished model: "
            "give the file that vsclib.save wrote"
        )
    return restore(path, metadata["model"], metadata["config"], tensors)


def restore(path: str | Path, name: str, config: str, tensors: dict[str, Tensor]) -> Model:
    """Make a model from what a file holds of it.

    Args:
        path: the file, for messages.
        name: of the model.
        config: its options, as JSON.
        tensors: its weights by name.

    Returns:
        The model on the CPU, in float32.

    Raises:
        CheckpointError: the parts do not fit one another.
    """
    try:
        options = json.loads(config)
        # JSON knows no tuples.
        options["image_shape"] = tuple(options["image_shape"])
        model = models.rebuild(name, options)
        model.load_state_dict({name: value.float() for name, value in tensors.items()})
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path} does not fit this version of the library ({reason}): train the model again"
        ) from None
    return model.eval()


def write_tensors(path: str | Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write named tensors and texts as one safetensors file, atomically."""
    write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata))


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read named tensors and texts back.

    Raises:
        CheckpointError: the file is missing, damaged, or not this library's.
    """
    if not Path(path).is_file():
        raise CheckpointError(
            f"there is no checkpoint {path}: train first, or give the path of a .safetensors file"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged or no safetensors file ({error}): delete it and train again"
        ) from None
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} holds weights of another program (format {metadata.get('format')!r}, wanted "
            f"{FORMAT!r}): load it with the program that wrote it"
        )
    return tensors, metadata
