"""Presets: a model, its options and how it is trained under one name, as a source has it."""

from typing import Any, NamedTuple

from vsclib.errors import ConfigurationError, nearest


class Preset(NamedTuple):
    """A model, its options and its training.

    Attributes:
        model: one of ``vsclib.models.names()``.
        options: of that model.
        source: where it comes from, and where it departs from that.
        training: parameters of a run, such as ``steps`` and ``batch_size``; what is left out keeps
            its default.
    """

    model: str
    options: dict[str, Any]
    source: str
    training: dict[str, Any] = {}


# -------------------------------------------------------------------------------- the course report

_REPORT = {"network": "conv3", "hidden_layers": 0, "latents": 2}
_REPORT_TRAINING = {"epochs": 25, "batch_size": 256, "learning_rate": 1e-3}
_SECTION = "The course report, section 5: three convolutions and the same network for all models, 2 latents as in its code"
_MNIST_EPOCH = 234
"""Batches of 256 in the 60,000 training images of MNIST."""

# -------------------------------------------------------------- Variational Sparse Coding, UAI 2019

_UAI = {
    **{
        "hidden": 3000,
        "likelihood": "gaussian_learned",
        "latents": 60,
        "alpha": 0.01,
        "pseudo_inputs": 20,
    },
    **{"gamma_form": "relu", "gate": "relaxed", "slope_start": 50.0, "slope_end": 200.0},
}
_UAI_DEPARTURES = (
    "latents, which the paper varies, as in the authors' notebooks; their soft selector, for the printed weights can "
    "switch the KL off (E39); pixels in [0, 1], not divided by the image's norm"
)

# ----------------------------------------------------------------------------------- Li & Han, 2022

_LI_HAN = {
    **{"likelihood": "gaussian", "sigma": 0.3, "inference_steps": 30, "step_size": 0.1},
    **{"alpha": 0.01, "alpha_start": 1.0, "alpha_decay": 0.033, "sigma1": 1.0, "sigma2": 0.1},
}
_LI_HAN_TRAINING = {"epochs": 32, "batch_size": 100, "learning_rate": 1e-4}
_LI_HAN_SOURCE = (
    "Li & Han (2022), section 4 and Algorithm 1; the paper tells no number of epochs, 32 are two more than alpha falls; "
    "sigma2 as in the released code (E25)"
)
_COLOUR = {"hidden": 2000, "hidden_layers": 2}

PRESETS: dict[str, Preset] = {
    "iclr_2019": Preset(
        "vsc",
        {
            **{"hidden": 400, "likelihood": "gaussian_learned", "latents": 200, "alpha": 0.01},
            **{"gamma_form": "relu", "gate": "relaxed", "slope_start": 50.0, "slope_end": 200.0},
        },
        "Tonolini, Jensen & Murray-Smith (2019, ICLR submission), sections 4.1, B.2 and D.1, at 200 latents; "
        "the batch size is not stated, the learning rate only as 0.001 to 0.01; pixels in [0, 1], not divided by the image's norm.",
        {"steps": 20_000, "batch_size": 100, "learning_rate": 1e-3},
    ),
    "li_han_celeba": Preset(
        "sparse_generator",
        {**_LI_HAN, **_COLOUR, "latents": 800},
        f"{_LI_HAN_SOURCE}. For 64 x 64.",
        _LI_HAN_TRAINING,
    ),
    "li_han_mnist": Preset(
        "sparse_generator",
        {**_LI_HAN, "hidden": 400, "hidden_layers": 1, "latents": 200},
        f"{_LI_HAN_SOURCE}. Also for Fashion-MNIST.",
        _LI_HAN_TRAINING,
    ),
    "li_han_svhn": Preset(
        "sparse_generator",
        {**_LI_HAN, **_COLOUR, "latents": 400},
        f"{_LI_HAN_SOURCE}.",
        _LI_HAN_TRAINING,
    ),
    "report_ae": Preset(
        "ae", _REPORT, f"{_SECTION}; cross-entropy for its squared error.", _REPORT_TRAINING
    ),
    "report_vae": Preset("vae", _REPORT, f"{_SECTION}.", _REPORT_TRAINING),
    "report_vsc": Preset(
        "vsc",
        {**_REPORT, "alpha": 0.01},
        f"{_SECTION}; the KL is the model's own, the gate straight-through.",
        _REPORT_TRAINING,
    ),
    "report_vsc_wu": Preset(
        "vsc_wu",
        {**_REPORT, "alpha": 0.01},
        f"{_SECTION}; as report_vsc, and lambda reaches 1 at half of the training.",
        _REPORT_TRAINING,
    ),
    "report_vsc_wu_printed": Preset(
        "vsc_wu",
        {**_REPORT, "alpha": 0.01, "lam_form": "std_linear", "lam_until": 100 * _MNIST_EPOCH},
        f"{_SECTION}; as report_vsc, and lambda rises by 0.01 in an epoch of MNIST, so that the training ends at 0.25 (E78); "
        "step by step where the report goes epoch by epoch; what it interpolates is the standard deviation (E67).",
        _REPORT_TRAINING,
    ),
    "uai_2019": Preset(
        "vsc_uai",
        {**_UAI, "lam_begin": 15_000, "lam_until": 20_000},
        f"Tonolini, Jensen & Murray-Smith (2019, UAI), supplement, sections A, B.2, D.1 and D.3; {_UAI_DEPARTURES}.",
        {
            **{"steps": 70_000, "batch_size": 500, "learning_rate": 1e-3},
            **{"learning_rate_end": 1e-4, "learning_rate_switch": 20_000},
        },
    ),
    "uai_2019_smiley": Preset(
        "vsc_uai",
        {**_UAI, "alpha": 0.003, "lam_begin": 50_000, "lam_until": 60_000},
        "Tonolini, Jensen & Murray-Smith (2019, UAI), supplement, section D.2; alpha, which it does not tell, and "
        f"{_UAI_DEPARTURES}.",
        {
            **{"steps": 200_000, "batch_size": 500, "learning_rate": 5e-4},
            **{"learning_rate_end": 5e-5, "learning_rate_switch": 60_000},
        },
    ),
}


def presets() -> tuple[str, ...]:
    """The names that :func:`preset` knows."""
    return tuple(PRESETS)


def preset(name: str) -> Preset:
    """The model, the options and the training behind a name.

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
