"""A compiled step gives the gradient of the step as it is, or is refused by name."""

import warnings

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vsclib import data, fit, models, networks
from vsclib.errors import ConfigurationError
from vsclib.models import TrainingStep
from vsclib.schedules import Linear
from vsclib.training import TrainingConfig, compilation, fit_many
from vsclib.training.compilation import traced
from vsclib.training.step_gradient import (
    Inputs,
    Untold,
    draws_of,
    function,
    schedules,
    split,
    tf32,
)

SMALL = {"image_shape": (1, 8, 8), "latents": 6, "hidden": 16}
IMAGES = data.load("digits").train.images
NAMES = [n for n in models.names() if not models.family(n).alone and models.family(n).heads]


def train(model, **options):
    usual = {"steps": 20, "batch_size": 30, "progress": False}
    return fit(model, IMAGES, **usual | options)


def same(one, two):
    return all(map(torch.equal, one.state_dict().values(), two.state_dict().values()))


@pytest.mark.parametrize("name", NAMES)
def test_the_function_of_a_step_gives_the_gradient_of_the_step(name):
    model = models.create(name, **SMALL)
    model.plan(20, 10)
    model.train()
    x = torch.from_numpy(IMAGES[:30].copy())
    rows = torch.arange(30)
    step = TrainingStep(data.to_tensor(IMAGES[:30]), torch.Generator().manual_seed(2), 7, rows)
    asked = draws_of(model, step)
    source = torch.Generator().manual_seed(2)
    draws = tuple(compilation.drawn(one, source) for one in asked)
    values = {n: torch.tensor(float(one(7))) for n, one in schedules(model).items()}
    inputs = Inputs(*split(model), values, x, rows, draws)
    gradient, parts = traced(function(model), inputs, compiled=False)(*inputs)
    expected = model.objective(step)
    expected.total.backward()
    assert torch.allclose(parts["total"], expected.total, rtol=1e-5)
    for weight_name, weight in model.named_parameters():
        wanted = torch.zeros_like(weight) if weight.grad is None else weight.grad
        assert torch.allclose(gradient[weight_name], wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vsc", "vsc_uai"])
def test_a_compiled_training_ends_where_it_ends_without(name):
    plain, compiled = models.create(name, **SMALL), models.create(name, **SMALL)
    one = train(plain, compile="off", scheduler="exponentiallr", scheduler_options={"gamma": 0.9})
    two = train(compiled, compile="on", scheduler="exponentiallr", scheduler_options={"gamma": 0.9})
    assert one.terms["total"] == pytest.approx(two.terms["total"], rel=1e-4)
    for a, b in zip(plain.parameters(), compiled.parameters(), strict=True):
        assert (a - b).abs().max() < 2e-4


@pytest.mark.slow
def test_a_compiled_training_resumes_to_the_same_bits_and_says_what_it_costs(tmp_path, capsys):
    options = {"compile": "on", "checkpoint_every": 5, "checkpoint": tmp_path / "state"}
    whole, part = models.create("vsc", **SMALL), models.create("vsc", **SMALL)
    train(whole, compile="on", progress=True)
    assert "compiled the step in " in capsys.readouterr().out

    class Killed(Exception):
        pass

    class Killing:
        def record(self, progress):
            if progress.step == 12:
                raise Killed

    with pytest.raises(Killed):
        train(part, callbacks=[Killing()], **options)
    resumed = models.create("vsc", **SMALL)
    # It began compiled, and goes on so wherever ``auto`` would not compile by itself.
    train(resumed, **options | {"compile": "auto"})
    assert same(whole, resumed)
    with pytest.warns(UserWarning, match="compile = 'off' has no effect: this training began with"):
        train(models.create("vsc", **SMALL), **options | {"compile": "off"})


def test_short_trainings_are_not_compiled_by_themselves(monkeypatch):
    def refuse(*_):
        raise AssertionError("compiled")

    monkeypatch.setattr(compilation, "CompiledStep", refuse)
    train(models.create("vae", **SMALL))
    monkeypatch.setattr(compilation, "COMPILED_FROM", 20)
    with pytest.raises(AssertionError, match="compiled"):
        train(models.create("vae", **SMALL))


def test_without_a_compiler_it_is_refused_or_goes_on_without(monkeypatch):
    monkeypatch.setattr(compilation.shutil, "which", lambda name: None)
    words = r"compile = 'on' finds no C\+\+ compiler .*install g\+\+ .*choose compile = 'off'"
    with pytest.raises(ConfigurationError, match=words):
        train(models.create("vae", **SMALL), compile="on")
    monkeypatch.setattr(compilation, "COMPILED_FROM", 1)
    one, two = models.create("vae", **SMALL), models.create("vae", **SMALL)
    train(one)
    train(two, compile="off")
    assert same(one, two)


@pytest.mark.parametrize("name", ["top_k", "abp"])
def test_a_family_whose_step_is_no_function_of_tensors_is_named(name):
    options = {"inference_steps": 1} if name == "abp" else {}
    with pytest.raises(ConfigurationError, match=f"compile = 'on' takes no model {name!r}"):
        train(models.create(name, **SMALL, **options), compile="on")


class Counting(models.family("vae")):
    """A family whose loss depends on the number of the step."""

    def objective(self, step):
        if step.number > 3:
            step = step._replace(images=1.0 - step.images)
        return super().objective(step)


class Drawing(models.family("vae")):
    """A family that draws its numbers behind the library's back."""

    def draw_slab(self, code, generator):
        mu, logvar = code.slab
        noise = torch.randn(mu.shape, generator=generator)
        return mu + (0.5 * logvar).exp() * noise


@pytest.mark.parametrize(
    ("family", "words"),
    [(Counting, r"depends on step\.number"), (Drawing, "let it draw with vsclib.randomness")],
)
def test_what_cannot_be_traced_is_refused_or_goes_on_without(monkeypatch, family, words):
    options = {"image_shape": (1, 8, 8), "latents": 6, "hidden": 16}
    with pytest.raises(ConfigurationError, match=words):
        train(family.build("own", options), compile="on")
    torch.manual_seed(0)
    one = family.build("own", options)
    torch.manual_seed(0)
    two = family.build("own", options)
    train(two, compile="off")
    monkeypatch.setattr(compilation, "COMPILED_FROM", 1)
    with pytest.warns(UserWarning, match="goes on without"):
        train(one)
    assert same(one, two)


def test_the_number_of_an_unknown_step_answers_nothing():
    number = Untold()
    for question in (lambda n: n > 3, lambda n: n + 1, lambda n: 2 * n, bool, float):
        with pytest.raises(ConfigurationError, match=r"depends on step\.number"):
            question(number)
    assert Linear(0.0, 1.0, until=10)(4) == 0.4


class Looks(TorchDispatchMode):
    """Counts how often the host asks the device for a value."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten._local_scalar_dense.default:
            Looks.count += 1
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", models.names())
def test_twenty_steps_between_two_records_look_at_no_value(name, monkeypatch):
    monkeypatch.setattr("vsclib.training.state.RECORDS", 1)
    seen = []

    class Noting:
        def record(self, progress):
            seen.append((progress.step, Looks.count))

    options = {"inference_steps": 2} if not models.family(name).heads else {}
    model = models.create(name, **SMALL, **options)
    objective = model.objective

    def noting(step):
        seen.append((step.number, Looks.count))
        return objective(step)

    model.objective = noting
    with Looks():
        train(model, steps=22, callbacks=[Noting()], clip_norm=1.0)
    looks = dict(seen[:-1])
    assert looks[21] == looks[1], "a step looked at a value"
    assert seen[-1][1] > looks[21] or Looks.count > looks[21]  # the record does


@pytest.mark.parametrize("device", ["cpu", "auto"])
@pytest.mark.skipif(torch.cuda.is_available(), reason="auto takes the GPU, which has TF32")
def test_tf32_is_refused_where_there_is_none(device):
    one, words = models.create("vae", **SMALL), "precision = 'tf32' is not allowed on cpu"
    with pytest.raises(ConfigurationError, match=words):
        train(one, precision="tf32", device=device)
    config = TrainingConfig(precision="tf32", device=device)
    with pytest.raises(ConfigurationError, match=words):
        fit_many([one], IMAGES, [config])


def test_tf32_lasts_through_the_backward_pass_and_ends_with_the_training():
    former = torch.get_float32_matmul_precision()
    with pytest.raises(KeyError), tf32("tf32"):
        assert torch.get_float32_matmul_precision() == "high"
        raise KeyError
    assert torch.get_float32_matmul_precision() == former


def test_a_network_of_ones_own_is_not_compiled(monkeypatch):
    networks.register("normalised", normalised)
    options = SMALL | {"encoder": "normalised"}
    with pytest.raises(ConfigurationError, match="takes no model 'vae': its encoder is its own"):
        train(models.create("vae", **options), compile="on")
    monkeypatch.setattr(compilation, "COMPILED_FROM", 1)
    one, two = models.create("vae", **options), models.create("vae", **options)
    train(one)
    train(two, compile="off")
    assert same(one, two)


def normalised(image_shape, features):
    pixels = image_shape[0] * image_shape[1] * image_shape[2]
    layers = [torch.nn.Flatten(), torch.nn.Linear(pixels, features)]
    return torch.nn.Sequential(*layers, torch.nn.BatchNorm1d(features))


@pytest.mark.parametrize("name", ["vae", "vsc"])
def test_bfloat16_keeps_the_loss_to_its_stated_error(name):
    one, two = models.create(name, **SMALL), models.create(name, **SMALL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = [train(m, steps=5, precision=p) for m, p in ((one, "float32"), (two, "bfloat16"))]
    exact, low = (history.terms["total"][0] for history in losses)
    assert low == pytest.approx(exact, rel=8e-3) and low != exact
    assert all(weight.dtype == torch.float32 for weight in two.parameters())
