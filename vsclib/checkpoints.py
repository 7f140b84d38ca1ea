"""Models on disk: weights as safetensors, with the model's name and options in the same file.

The same weights and texts give the same bytes. The file holds its own checksum: a bit that flipped
is found when it is read.
"""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as unpack
from safetensors.torch import save as pack
from torch import Tensor

from vsclib import models
from vsclib.errors import CheckpointError, ConfigurationError
from vsclib.files import write_atomically
from vsclib.models import Model

FORMAT = "vsclib 1"
UNSIGNED = frozenset(
    ("format", "model", "config", "identity", "progress", "refiner", "base", "base_config")
)
"""What a file without a checksum may hold: the first edition wrote these texts and no others."""
LONG = 10**9
"""Steps and epochs of a model whose file does not say: its schedules are at their ends."""


def save(model: Model, path: str | Path, dtype: torch.dtype | None = None) -> None:
    """Write a model atomically.

    Args:
        model: what to write.
        path: the file, by custom ``*.safetensors``.
        dtype: convert the weights, for example to ``torch.float16`` for a published page; none
            keeps them.

    Raises:
        CheckpointError: a weight is NaN or infinite, or the file cannot be written.
        ConfigurationError: ``dtype`` is no floating type.
    """
    if dtype is not None and not getattr(dtype, "is_floating_point", False):
        raise ConfigurationError(
            f"dtype = {dtype!r} cannot hold weights: choose torch.float32, torch.float16 or "
            "torch.bfloat16"
        )
    tensors = {
        name: value.detach().to("cpu", dtype).contiguous()
        for name, value in model.state_dict().items()
    }
    refuse_broken(path, tensors)
    metadata = {
        "format": FORMAT,
        "model": model.name,
        "config": json.dumps(dataclasses.asdict(model.config)),
        "trained": json.dumps(model.trained),
    }
    write_tensors(path, tensors, metadata)


def load(path: str | Path) -> Model:
    """Give a model back from its file.

    Args:
        path: what :func:`save` wrote.

    Returns:
        The model on the CPU, in float32.

    Raises:
        CheckpointError: the file is missing or damaged, was written by another program, does not
            fit its own options, or holds weights that are no numbers.
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
    model = restore(path, metadata["model"], metadata["config"], tensors)
    # The checksum vouches for the text.
    steps, epochs = json.loads(metadata.get("trained", f"[{LONG}, {LONG}]"))
    model.trained = (steps, epochs)
    return model


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
        CheckpointError: the parts do not fit one another, or a weight is NaN or infinite.
    """
    refuse_broken(path, tensors)
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


def refuse_broken(path: str | Path, tensors: dict[str, Tensor]) -> None:
    """Refuse weights that are no finite numbers.

    Raises:
        CheckpointError: naming the first of them.
    """
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            kind = str(value.dtype).removeprefix("torch.")
            raise CheckpointError(
                f"{path}: {name} holds NaN or infinity in {kind}, weights must be finite: train "
                "the model again with a lower learning_rate, or save it in a wider dtype"
            )


# ---------------------------------------------------------------------- named tensors and texts


def write_tensors(path: str | Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write named tensors and texts as one safetensors file with a checksum, atomically.

    Raises:
        CheckpointError: the file cannot be written.
    """
    write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata))


def save_file(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Fill a file with named tensors, texts and their checksum; see :func:`write_tensors`."""
    header, values = _split(pack(tensors))
    checksum = hashlib.sha256(_packed(header, metadata, values)).hexdigest()
    path.write_bytes(_packed(header, metadata | {"sha256": checksum}, values))


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read named tensors and texts back.

    Raises:
        CheckpointError: the file is missing, damaged, or not this library's.
    """
    if not Path(path).expanduser().is_file():
        raise CheckpointError(
            f"there is no checkpoint {path}: train first, or give the path of a .safetensors file"
        )
    try:
        content = Path(path).expanduser().read_bytes()
        tensors = unpack(content)
        header, values = _split(content)
        metadata = header.pop("__metadata__", None) or {}
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} is damaged or no safetensors file ({error}): delete it and train again"
        ) from None
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} holds weights of another program (format {metadata.get('format')!r}, wanted "
            f"{FORMAT!r}): load it with the program that wrote it"
        )
    promised = metadata.pop("sha256", None)
    found = hashlib.sha256(_packed(header, metadata, values)).hexdigest()
    if promised != found and not (promised is None and set(metadata) <= UNSIGNED):
        raise CheckpointError(
            f"{path} is damaged (its checksum is {found[:8]}, wanted {str(promised)[:8]}): "
            "delete it and train again"
        )
    return tensors, metadata


def _split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and the bytes of its tensors."""
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def _packed(header: dict[str, Any], metadata: dict[str, str], values: bytes) -> bytes:
    """A safetensors file whose names stand in alphabetical order."""
    parts = {"__metadata__": dict(sorted(metadata.items()))} | dict(sorted(header.items()))
    text = json.dumps(parts, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + values
