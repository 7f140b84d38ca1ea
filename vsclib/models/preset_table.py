"""Presets: a model with options under one name, as a source has it."""

from typing import Any, NamedTuple

from vsclib.errors import ConfigurationError, nearest


class Preset(NamedTuple):
    """A model and its options.

    Attributes:
        model: one of ``vsclib.models.names()``.
        options: of that model.
        source: where it comes from, and where it departs from that.
    """

    model: str
    options: dict[str, Any]
    source: str


_REPORT = {"network": "conv3", "hidden_layers": 0, "latents": 2}
_SECTION = (
    "The course report, section 5: three convolutions and the same network for all models, 2 latents as in its code"
)

PRESETS: dict[str, Preset] = {
    "report_ae": Preset("ae", _REPORT, f"{_SECTION}; cross-entropy for its squared error."),
    "report_vae": Preset("vae", _REPORT, f"{_SECTION}."),
    "report_vsc": Preset(
        "vsc", {**_REPORT, "alpha": 0.01}, f"{_SECTION}; the KL is the model's own, the gate straight-through."
    ),
    "report_vsc_wu": Preset(
        "vsc_wu",
        {**_REPORT, "alpha": 0.01},
        f"{_SECTION}; as report_vsc, and lambda reaches 1 at half of the training.",
    ),
}


def presets() -> tuple[str, ...]:
    """The names that :func:`preset` knows."""
    return tuple(PRESETS)


def preset(name: str) -> Preset:
    """The model and the options behind a name.

    Raises:
        ConfigurationError: no preset has this name.

    Example:
        >>> found = preset("report_vae")
        >>> found.model, found.options["latents"]
        ('vae', 2)
    """
    if name not in PRESETS:
        raise ConfigurationError(f"there is no preset {name!r}: {nearest(str(name), PRESETS)}")
    return PRESETS[name]
