"""The refiner: its chain against a chain step by step, its sampler and loss against Gaussians, and
what it leaves alone.
"""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import require
from safetensors import safe_open
from scipy.linalg import sqrtm
from torch import nn

import vsclib
from vsclib import checkpoints, data, fit, metrics, models, records, refiner, runs
from vsclib.errors import CheckpointError, ConfigurationError, DataError
from vsclib.metrics.image_quality import frechet_distance
from vsclib.models import TrainingStep
from vsclib.refiner.measure import edges
from vsclib.refiner.refinement import Refinement

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "experiments" / "refine.ipynb"
SHAPE = (1, 8, 8)
SMALL = {"channels": 8, "levels": 2, "timesteps": 200}

try:
    import diffusers  # noqa: F401

    installed = True
except ImportError:
    installed = False


@pytest.fixture(autouse=True)
def needs_diffusers(request):
    if "without_diffusers" not in request.node.name:
        require(installed, 'diffusers is not installed: pip install "vsclib[refiner]"')


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def base(name: str = "vae", shape: tuple[int, int, int] = SHAPE, **options) -> models.Model:
    return models.create(name, **{"image_shape": shape, "latents": 2, "hidden": 32} | options)


def made(**options) -> refiner.Refiner:
    return refiner.create(base(), **SMALL | options)


def alpha_bar(timesteps: int) -> torch.Tensor:
    """By its definition: what is left of an image's variance after each step."""
    return (
        1.0 - torch.linspace(0.1 / timesteps, 20.0 / timesteps, timesteps, dtype=torch.float64)
    ).cumprod(0)


class Gaussian(nn.Module):
    """The best prediction of the noise for pixels N(mean, sigma^2) in [-1, 1], perhaps spoiled."""

    def __init__(
        self, timesteps: int, mean: float, sigma: float, spoil=lambda epsilon: epsilon
    ) -> None:
        super().__init__()
        self.kept, self.mean, self.sigma, self.spoil = alpha_bar(timesteps), mean, sigma, spoil

    def forward(self, both, t):
        x_t = both[:, : both.shape[1] // 2]
        kept = self.kept[t].float().reshape(-1, 1, 1, 1)
        epsilon = (
            (1 - kept).sqrt() * (x_t - kept.sqrt() * self.mean) / (kept * self.sigma**2 + 1 - kept)
        )
        return SimpleNamespace(sample=self.spoil(epsilon))


# --------------------------------------------------------------------------- the chain and its loss


@pytest.mark.slow
def test_noise_in_one_go_is_noise_step_by_step():
    model, T, n = made(timesteps=60), 60, 100_000
    x = torch.full((n,), 0.7, dtype=torch.float64)
    for t, beta in enumerate(torch.linspace(0.1 / T, 20.0 / T, T, dtype=torch.float64)):
        x = (1 - beta).sqrt() * x + beta.sqrt() * torch.randn(
            n, generator=seeded(t), dtype=torch.float64
        )
        if t in (0, 7, 30, T - 1):
            one = torch.ones(1, 1, 1, 1)
            scale, sigma = (
                model.forward_process.add_noise(a * one, b * one, torch.tensor([t])).item()
                for a, b in ((1.0, 0.0), (0.0, 1.0))
            )
            assert x.mean().item() == pytest.approx(0.7 * scale, abs=5 * sigma / n**0.5)
            assert x.std().item() == pytest.approx(sigma, rel=5 / (2 * n) ** 0.5)
    assert scale < 0.01, "nothing of the image may be left at the end"


def test_the_sampler_gives_the_gaussian_whose_score_it_is_given():
    model = made()
    model.network = Gaussian(200, mean=0.2, sigma=0.25)
    drawn = model.refine(torch.rand(600, *SHAPE, generator=seeded(1)), seeded(2), steps=200)
    assert drawn.mean().item() == pytest.approx(0.6, abs=0.003)
    assert drawn.std().item() == pytest.approx(0.125, rel=0.03)
    # One step goes to the best guess, the mean: an average has no spread.
    once = model.refine(torch.rand(600, *SHAPE, generator=seeded(1)), seeded(2), steps=1)
    assert once.mean().item() == pytest.approx(0.6, abs=0.003) and once.std().item() < 0.01


def test_the_best_prediction_has_the_loss_that_is_left_and_every_other_has_more():
    model, x = made(), (0.6 + 0.125 * torch.randn(4000, *SHAPE, generator=seeded(3))).clamp(0, 1)
    kept = alpha_bar(200)
    # Given x_t, the noise has this variance; t is drawn uniformly.
    left = (kept * 0.25**2 / (kept * 0.25**2 + 1 - kept)).mean().item()

    def loss(spoil) -> float:
        model.network = Gaussian(200, 0.2, 0.25, spoil)
        found = model.loss(TrainingStep(x, seeded(4)))
        assert found.total == found.terms["noise"] and list(found.terms) == ["noise"]
        return found.total.item()

    best = loss(lambda epsilon: epsilon)
    assert best == pytest.approx(left, abs=0.01)
    for spoil in (
        lambda e: 0.9 * e,
        lambda e: 1.1 * e,
        lambda e: e + 0.1,
        lambda e: e.roll(1, 0),
        lambda e: -e,
    ):
        assert loss(spoil) > best + 0.005
    assert loss(lambda epsilon: 0 * epsilon) == pytest.approx(1.0, abs=0.01)


def test_the_network_sees_the_noisy_image_first_then_the_reconstruction():
    seen = []

    class Network(nn.Module):
        def forward(self, both, t):
            seen.append((both, t))
            return SimpleNamespace(sample=torch.zeros_like(both[:, :1]))

    model, x = made(), torch.rand(5, *SHAPE, generator=seeded())
    model.network = Network()
    model.loss(TrainingStep(x, seeded(1)))
    both, t = seen[0]
    expected = 2 * model.base.decode(model.base.encode(x).z).mean - 1
    assert torch.equal(both[:, 1:], expected) and t.shape == (5,) and t.max() < 200
    signal = alpha_bar(200)[t].float().reshape(-1, 1, 1, 1)
    epsilon = (both[:, :1] - signal.sqrt() * (2 * x - 1)) / (1 - signal).sqrt()
    assert 0.8 < epsilon.std().item() < 1.2


# ------------------------------------------------------------------------------- what training does


@pytest.fixture(scope="module")
def trained() -> refiner.Refiner:
    require(installed, "diffusers is not installed")
    digits = data.load("digits")
    blurring = base(latents=3)
    fit(blurring, digits, steps=600, learning_rate=5e-3, progress=False)
    model = refiner.create(blurring, channels=8, levels=2)
    rates = {"learning_rate": 5e-3, "learning_rate_end": 1e-3, "learning_rate_switch": 330}
    fit(model, digits, steps=450, batch_size=32, progress=False, **rates)
    return model


@pytest.mark.trains
@pytest.mark.slow
def test_refined_images_are_as_sharp_as_images_and_follow_the_reconstruction(trained):
    """Over three seeds: blurred to .73 to .75 of the edges, .09 to .18 of that gap left, 2.1 dB
    nearer or more.
    """
    x = data.load("digits").test.images[:200]
    blurred = metrics.reconstruct(trained.base, x)
    sharp = trained.refine(blurred, seeded(), steps=10)
    assert torch.equal(sharp, trained.refine(blurred, seeded(), steps=10))
    assert not torch.equal(sharp, trained.refine(blurred, seeded(1), steps=10))
    assert sharp.shape == blurred.shape and 0 <= sharp.min() and sharp.max() <= 1
    assert edges(blurred) < 0.85 * edges(x)
    assert abs(edges(sharp) - edges(x)) < 0.6 * abs(edges(blurred) - edges(x))
    others = trained.refine(blurred.roll(50, 0), seeded(), steps=10)
    assert metrics.psnr(x, sharp) > metrics.psnr(x, others) + 1.0


@pytest.mark.slow
def test_samples_are_the_bases_refined(trained):
    generator = seeded(5)
    expected = trained.refine(trained.base.sample(3, generator), generator, steps=4)
    assert torch.equal(trained.sample(3, seeded(5), steps=4), expected)


@pytest.mark.slow
def test_many_images_are_refined_as_few(trained, monkeypatch):
    blurred = torch.rand(7, *SHAPE, generator=seeded())
    whole = trained.refine(blurred, seeded(), steps=2)
    monkeypatch.setattr("vsclib.refiner.model.AT_ONCE", 3)
    torch.testing.assert_close(trained.refine(blurred, seeded(), steps=2), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["vsc_uai", "sparse_generator"])
def test_training_leaves_the_base_alone(name, tmp_path):
    first = base(name)
    before = {key: value.clone() for key, value in first.state_dict().items()}
    model = refiner.create(first.train(), **SMALL)
    images = data.load("digits").train.images[:40]
    fit(
        model,
        images,
        steps=2,
        batch_size=10,
        progress=False,
        checkpoint=tmp_path / "training.safetensors",
    )
    assert model.base is first and not first.training
    assert all(torch.equal(before[key], value) for key, value in first.state_dict().items())
    assert all(weight.grad is None for weight in first.parameters())
    assert {name.split(".")[0] for name in model.state_dict()} == {"network"}
    assert len(list(model.parameters())) == len(list(model.network.parameters()))
    with safe_open(tmp_path / "training.safetensors", "pt") as file:
        assert {key.split(".")[1] for key in file.keys() if key.startswith("model.")} == {"network"}


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    images = data.load("digits").train.images[:60]
    how = {"steps": 5, "batch_size": 20, "progress": False}
    whole, killed, again = made(), made(), made()
    fit(whole, images, **how)
    path = tmp_path / "training.safetensors"
    objective = killed.objective

    def power_cut(step):
        if step.number == 4:
            raise KeyboardInterrupt
        return objective(step)

    monkeypatch.setattr(killed, "objective", power_cut)
    with pytest.raises(KeyboardInterrupt):
        fit(killed, images, **how, checkpoint=path, checkpoint_every=2)
    fit(again, images, **how, checkpoint=path)
    assert all(
        torch.equal(one, other)
        for one, other in zip(whole.parameters(), again.parameters(), strict=True)
    )
    other_base = refiner.create(base(seed=1), **SMALL)
    with pytest.raises(
        CheckpointError, match=r"belongs to another training \(model = 'refiner of vae"
    ):
        fit(other_base, images, **how, checkpoint=path)


def test_weights_depend_on_the_seed_alone():
    state = torch.get_rng_state()
    one, two, other = (made(seed=seed).network.conv_in.weight for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one, two) and not torch.equal(one, other)


# ------------------------------------------------------------------------------------------ on disk


def test_a_refiner_comes_back_with_its_base_and_whole_or_not_at_all(tmp_path, monkeypatch):
    model = refiner.create(base("vsc", alpha=0.3), **SMALL | {"layers": 2})
    path = tmp_path / "refiner.safetensors"
    refiner.save(model, path)
    loaded = refiner.load(path)
    assert (loaded.config, loaded.name, loaded.base.config) == (
        model.config,
        model.name,
        model.base.config,
    )
    assert torch.equal(loaded.sample(2, seeded(), steps=2), model.sample(2, seeded(), steps=2))
    with pytest.raises(
        CheckpointError, match=r"holds a refiner and its base: give it to vsclib\.refiner\.load"
    ):
        vsclib.load(path)
    vsclib.save(model.base, tmp_path / "base.safetensors")
    with pytest.raises(
        CheckpointError, match=r"holds no refiner: give the file that vsclib\.refiner\.save wrote"
    ):
        refiner.load(tmp_path / "base.safetensors")
    before = path.read_bytes()

    def full(tensors, temporary, metadata):
        temporary.write_text("half of")
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(RuntimeError):
        refiner.save(made(), path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 2


def test_a_file_whose_options_and_weights_differ_is_refused(tmp_path):
    path = tmp_path / "refiner.safetensors"
    refiner.save(made(), path)
    tensors, metadata = checkpoints.read_tensors(path)
    for change, message in (
        ({"channels": 16}, "does not fit its own options"),
        ({"chanels": 1}, "does not fit this"),
    ):
        options = json.dumps(json.loads(metadata["refiner"]) | change)
        checkpoints.write_tensors(path, tensors, metadata | {"refiner": options})
        with pytest.raises(CheckpointError, match=message) as caught:
            refiner.load(path)
        assert "\n" not in str(caught.value)


# ---------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chanels": 8}, "a refiner has no option 'chanels': did you mean 'channels'?"),
        ({"channels": 0}, "channels = 0 is not allowed: choose 1 <= channels <= 1024"),
        ({"levels": 0}, "levels = 0 is not allowed: choose 1 <= levels <= 6"),
        ({"levels": 7}, "levels = 7 is not allowed: choose 1 <= levels <= 6"),
        ({"layers": 1.5}, "layers = 1.5 is not allowed: choose 1 <= layers <= 16"),
        ({"timesteps": 49}, "timesteps = 49 is not allowed: choose 50 <= timesteps <= 10000"),
        (
            {"levels": 5},
            "levels = 5 halves an image 4 times, but 8 x 8 pixels cannot be: choose fewer levels, or sides",
        ),
    ],
)
def test_a_refiner_that_cannot_be(options, message):
    with pytest.raises(ConfigurationError) as caught:
        refiner.create(base(), **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("side", "levels"), [(28, 3), (32, 6), (7, 1)])
def test_sides_that_can_be_halved(side, levels):
    model = refiner.create(base(shape=(3, side, side)), channels=4, levels=levels)
    assert model.sample(1, seeded(), steps=1).shape == (1, 3, side, side)


def test_what_cannot_be_refined():
    model, blurred = made(), torch.rand(2, *SHAPE)
    for steps in (0, -1, 3, 201):
        with pytest.raises(
            ConfigurationError, match=r"^steps = .* is not allowed: choose a divisor of 200$"
        ):
            model.refine(blurred, seeded(), steps=steps)
    for steps in (2.5, "many"):
        with pytest.raises(ConfigurationError, match=r"^refine: steps = .* give int"):
            model.refine(blurred, seeded(), steps=steps)  # type: ignore[arg-type]
    for wrong in (
        torch.rand(2, 1, 9, 8),
        2 * torch.ones(2, *SHAPE),
        torch.zeros(2, *SHAPE, dtype=torch.uint8),
    ):
        with pytest.raises(DataError):
            model.refine(wrong, seeded())
        with pytest.raises(DataError):
            model.loss(TrainingStep(wrong, seeded()))


@pytest.mark.slow
def test_without_diffusers_there_is_a_remedy():
    script = """
import sys
sys.modules["diffusers"] = None
import vsclib.refiner
try:
    vsclib.refiner.create(vsclib.models.create("vae", image_shape=(1, 8, 8)))
except vsclib.errors.ConfigurationError as error:
    print(error)
"""
    outcome = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert outcome.stdout == (
        'a refiner needs the package diffusers, which is not installed: pip install "vsclib[refiner]"\n'
    ), outcome.stderr


# ------------------------------------------------------------------------------------- its measures


def test_frechet_distance_of_gaussians():
    rng = np.random.default_rng(0)
    x, y = rng.normal(1, 2, (50, 1)), rng.normal(3, 0.5, (70, 1))
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet_distance(x, y) == pytest.approx(expected)
    x, y = (
        rng.normal(size=(90, 4)) @ rng.normal(size=(4, 4)),
        rng.normal(size=(80, 4)) @ rng.normal(size=(4, 4)),
    )
    s, t = np.cov(x.T), np.cov(y.T)
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert frechet_distance(x, y) == pytest.approx(expected)
    assert frechet_distance(y, x) == pytest.approx(expected)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    assert frechet_distance(x @ turn + 5, y @ turn + 5) == pytest.approx(expected)
    for wrong in (x[:, :2], x[:1]):
        with pytest.raises(DataError, match="give two rows or more"):
            frechet_distance(wrong, y)


def test_edges_are_mean_differences():
    board = np.indices((8, 8)).sum(0) % 2
    assert edges((255 * board[None, None]).astype(np.uint8)) == 1.0
    ramp = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)
    assert edges(ramp) == pytest.approx(0.5 / 7)


@pytest.mark.trains
@pytest.mark.slow
def test_a_record_holds_every_number_and_psnr_falls(trained):
    numbers, rows = refiner.evaluate(trained, data.load("digits"), [1, 10], test_images=240)
    assert list(numbers) == list(refiner.REFINEMENT_DEFINITIONS) and all(
        np.isfinite(value) for value in numbers.values()
    )
    assert [row["steps"] for row in rows] == [1, 10] and numbers["psnr_refined"] == rows[1][
        "psnr_refined"
    ]
    assert numbers["psnr_refined"] < numbers["psnr"] and numbers["accuracy"] > 0.9
    assert (
        numbers["distance_floor"] < numbers["distance_refined"] < numbers["distance_reconstructed"]
    )
    assert 0 < rows[0]["cpu_seconds_per_image"] < rows[1]["cpu_seconds_per_image"]
    again, _ = refiner.evaluate(trained, data.load("digits"), [10], test_images=240)
    assert again == numbers
    with pytest.raises(ConfigurationError, match="choose 1 and 4 or more"):
        refiner.evaluate(trained, data.load("digits"), [], test_images=240)


# ----------------------------------------------------------------------------------------- its runs


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"basis": "x"}, "a refinement has no parameter 'basis': did you mean 'base'?"),
        ({"alpha": 0.1}, "a refinement has no parameter 'alpha'"),
        ({"chanels": None}, "a refinement has no parameter 'chanels': did you mean 'channels'?"),
        ({"options": {}}, "a refinement has no parameter 'options'"),
        ({"preset": "uai_2019"}, "a refinement has no parameter 'preset'"),
        ({"model": "vsc"}, "model = 'vsc' is not allowed: a refinement trains a 'refiner'"),
        ({"channels": 0}, "channels = 0 is not allowed"),
        ({"refiner_steps": [3]}, "refiner_steps = [3] is not allowed: choose divisors of 1000"),
        ({"refiner_steps": []}, "refiner_steps = [] is not allowed: choose divisors of 1000"),
        ({"refiner_steps": [0]}, "choose"),
        ({"test_images": 3}, "test_images = 3 is not allowed"),
        ({"base_steps": 0}, "base_steps = 0 is not allowed"),
    ],
)
def test_runs_that_cannot_be(given, message):
    with pytest.raises(ConfigurationError) as caught:
        Refinement.of(**given)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_the_base_of_a_run_lies_beside_it(tmp_path):
    run = Refinement.of(
        base="mine", folder=str(tmp_path / "refined"), dataset="digits", timesteps=100
    )
    assert run.options == {"timesteps": 100} and run.title == "refiner-mine-timesteps100-seed0"
    with pytest.raises(
        CheckpointError,
        match="there is no run 'mine' beside 'refiner-mine-timesteps100-seed0': repeat it first",
    ):
        run.make_base()
    vsclib.save(base(seed=9), tmp_path / "mine" / "model.safetensors")
    found = run.make_base()
    assert torch.equal(found.decoder.layers[0].weight, base(seed=9).decoder.layers[0].weight)
    vsclib.save(base(shape=(1, 4, 4)), tmp_path / "mine" / "model.safetensors")
    with pytest.raises(
        ConfigurationError, match=r"base = 'mine' is for images shaped \(1, 4, 4\): choose a run on"
    ):
        run.make_base()


@pytest.mark.slow
def test_a_refinement_leaves_the_files_of_a_run(tmp_path):
    asked = Refinement.of(
        base="mine", steps=2, refiner_steps=[2], test_images=40, folder=str(tmp_path / "r"), **SMALL
    )
    vsclib.save(base(seed=9), tmp_path / "mine" / "model.safetensors")
    done = runs.run(asked, progress=False)
    files = {"training.safetensors", "model.safetensors", "record.json", "done.json"}
    assert {path.name for path in (tmp_path / "r").iterdir()} == files
    assert done.record["kind"] == "refine" and done.record["by_steps"][0]["steps"] == 2
    assert list(done.record["metrics"]) == list(refiner.REFINEMENT_DEFINITIONS)
    assert records.stale(done.record) == {} and "PSNR of the base" in records.describe(done.record)
    loaded = refiner.load(tmp_path / "r" / "model.safetensors")
    assert torch.equal(loaded.base.decoder.layers[0].weight, base(seed=9).decoder.layers[0].weight)
