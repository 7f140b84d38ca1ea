"""All models under one contract: :func:`create` makes one by name, :func:`names` lists them."""

from vsclib.models.contract import Code, Loss, Model, ModelConfig, Trainable, TrainingStep
from vsclib.models.preset_table import preset, presets
from vsclib.models.registry import create, family, names, rebuild, register

__all__ = [
    "Code",
    "Loss",
    "Model",
    "ModelConfig",
    "Trainable",
    "TrainingStep",
    "create",
    "family",
    "names",
    "preset",
    "presets",
    "rebuild",
    "register",
]
