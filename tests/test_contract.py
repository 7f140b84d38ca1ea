"""The contract: loss is pure, validation stands apart, measures ask models, not options."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from small_models import NAMES, SHAPE, images, seeded, tiny
from torch import nn

import vsclib
from vsclib import data, metrics, models
from vsclib.configuration import configuration
from vsclib.errors import ConfigurationError, VsclibError
from vsclib.models import Code, Loss, Model, ModelConfig, TrainingStep, registry

METRICS = Path(metrics.__file__).parent


def state(model: Model) -> dict[str, Any]:
    """Everything that a look could change: weights, buffers, schedules and other attributes."""
    tensors = {name: value.clone() for name, value in model.state_dict().items()}
    tensors |= {name: value.clone() for name, value in model.memory().items()}
    plain = {
        name: value
        for name, value in vars(model).items()
        if isinstance(value, int | float | str | bool | tuple) or "schedules" in repr(type(value))
    }
    return {**tensors, **plain}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else value == other[name]
        for name, value in one.items()
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_look_at_the_loss_after_training_changes_nothing(name):
    warm = (
        {"lam_until": 5} if "lam_until" in models.family(name).Config.__dataclass_fields__ else {}
    )
    model = tiny(name, **warm)
    vsclib.fit(model, data.load("digits"), steps=8, batch_size=50, progress=False)
    before, x = state(model), images()
    code = model.encode(x)
    for number in (0, 3, 7):
        for rows in (None, torch.arange(len(x))):
            step = TrainingStep(x, seeded(), number, rows)
            first = model.loss(step)
            assert torch.equal(first.total, model.loss(step._replace(generator=seeded())).total), (
                "the same step has the same loss"
            )
    assert same(before, state(model))
    assert torch.equal(code.z, model.encode(x).z)


def test_the_check_of_purity_sees_a_loss_that_writes():
    model = tiny("vsc")
    objective = model.objective

    def impure(step):
        model.lam.fill_(0.25)
        return objective(step)

    model.objective = impure
    before = state(model)
    model.loss(TrainingStep(images(), seeded()))
    assert not same(before, state(model))


@pytest.mark.parametrize("name", NAMES)
def test_what_a_model_declares_is_true(name):
    model, x = tiny(name), images(40)
    code = model.encode(x)
    assert (code.gamma is not None) == (model.threshold is not None)
    assert model.sparse or bool(code.active.all())
    mean, sigma = model.prior_slab(code)
    assert mean.shape == sigma.shape == code.z.shape and (sigma > 0).all()
    if model.has_bound:
        drawn = model.sample_code(x, seeded())
        ratios = [model.log_ratio(model.sample_code(x, seeded(i))) for i in range(200)]
        ratio = torch.stack(ratios).double().mean(0).mean().item()
        if not model.chooses_prior:
            # The mean of the log-ratio is the KL, whose closed form knows nothing of draws.
            assert ratio == pytest.approx(model.kl(code).sum(1).mean().item(), rel=0.1, abs=0.5)
        assert drawn.z.shape == code.z.shape
    else:
        for ask in (model.kl, model.log_ratio):
            with pytest.raises(ConfigurationError, match=r"has no evidence lower bound: choose"):
                ask(code)
    assert (model.prior_rate is None) == (code.gamma is None)


def test_absent_fields_of_a_code_are_named():
    code = tiny("ae").encode(images())
    for field, name in (("slab", "mu"), ("spike", "gamma"), ("choice", "weights")):
        message = rf"^{name} = None: this model's codes have no"
        with pytest.raises(ConfigurationError, match=message):
            getattr(code, field)
    with pytest.raises(ConfigurationError, match=r"^gamma = None"):
        _ = tiny("vae").encode(images()).spike_and_slab


@pytest.mark.parametrize("path", sorted(METRICS.glob("*.py")), ids=lambda path: path.stem)
def test_measures_ask_the_model_and_read_no_configuration(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(
        r"model\.config|getattr\(model|hasattr\(|\.check = |isinstance\(model", text
    )


# ------------------------------------------------------------------------------- a reader's own


class Mean(Model):
    """A model with one latent, the mean pixel."""

    def __init__(self, config: ModelConfig, name: str) -> None:
        super().__init__(config, name)
        self.encoder = nn.Flatten()

    def recognise(self, x, generator=None):
        z = x.flatten(1).mean(1, keepdim=True)
        return Code(z, self.all_active(z))

    def objective(self, step):
        code = self.recognise(step.images)
        return Loss.of(reconstruction=-self.decode(code.z).log_prob(step.images).mean())


@pytest.fixture
def families(monkeypatch):
    monkeypatch.setattr(registry, "FAMILIES", dict(registry.FAMILIES))


class Plain(Mean):
    heads = 0


def test_a_family_of_ones_own_is_created_trained_and_measured(families):
    models.register("mean_pixel", Plain)
    digits = data.load("digits")
    model = models.create("mean_pixel", image_shape=SHAPE, latents=1, hidden=8)
    history = vsclib.fit(model, digits, steps=60, batch_size=50, progress=False)
    assert history.terms["total"][-1] < history.terms["total"][0]
    assert metrics.l0(metrics.codes(model, digits.test.images)) == pytest.approx(1.0)
    assert "mean_pixel" in models.names()


def test_a_family_that_does_not_keep_the_contract_is_refused(families):
    class Silent(Model):
        def objective(self, step):
            return Loss.of()

    class Unbound(Plain):
        has_bound = True

    @configuration
    class Foreign:
        latents: int = 3

    class Odd(Plain):
        Config = Foreign

    for cls, message in (
        (Silent, "Silent defines no recognise, but the contract asks for recognise, objective"),
        (Unbound, "Unbound defines no kl, but the contract asks for .*kl, log_ratio: define it"),
        (Odd, "Odd.Config is no ModelConfig: derive it"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            models.register("own", cls)
    with pytest.raises(VsclibError):
        models.register("own", nn.Linear)
    with pytest.raises(ConfigurationError, match="model 'vae' exists already: choose another"):
        models.register("vae", Plain)
    with pytest.raises(ConfigurationError, match="name = 'my model' is not allowed"):
        models.register("my model", Plain)
    assert "own" not in models.names()


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("decoder", r"the decoder gives .*wanted shape \(1, 1, 8, 8\): change its last layer"),
        ("encoder", r"the encoder gives \(1, 7\), wanted shape \(1, 10\): change its last layer"),
    ],
)
def test_a_network_of_another_shape_is_refused_before_training(part, message):
    model = tiny("vae")
    if part == "decoder":
        model.decoder.layers[-1] = nn.Linear(12, 63)
    else:
        model.encoder.head = nn.Linear(12, 7)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ConfigurationError, match=message):
        vsclib.fit(model, data.load("digits"), steps=3, batch_size=50, progress=False)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
