"""Chains of the generators: noise, several chains, several states of one chain, and chains that
outlive a visit.
"""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from small_models import SHAPE, images, loss, seeded, tiny
from test_generators import mixture
from torch.distributions import Normal

import vsclib
from vsclib import data
from vsclib.errors import CheckpointError, ConfigurationError
from vsclib.models import TrainingStep
from vsclib.networks import Gaussian
from vsclib.runs import Experiment, execute
from vsclib.training.config import stream

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "experiments" / "train.ipynb"
NORMAL = Normal(0.0, 1.0)
SIZE = 0.1
"""The step size of all models here."""


def log_joint(model, x, z, prior=NORMAL) -> torch.Tensor:
    """log p(x, z) for each image, by torch.distributions."""
    pixels = Normal(torch.sigmoid(model.decoder.layers(z)), model.config.sigma).log_prob(
        x.flatten(1)
    )
    return pixels.sum(1) + prior.log_prob(z).sum(1)


def moved(
    model, x, z, steps: int, prior=NORMAL, noise: torch.Generator | None = None
) -> torch.Tensor:
    """Codes some steps on, by autograd on that log-joint."""
    for _ in range(steps):
        z = z.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(log_joint(model, x, z, prior).sum(), z)
        z = (z + 0.5 * SIZE**2 * gradient).detach()
        if noise is not None:
            z = z + SIZE * torch.randn(z.shape, generator=noise)
    return z


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def drawn(model, count: int, generator: torch.Generator) -> torch.Tensor:
    return model.sample_prior(count, generator)


# ----------------------------------------------------------------------------------- Langevin noise


@pytest.mark.parametrize(
    ("name", "prior"), [("short_run", NORMAL), ("sparse_generator", mixture(0.01, 1.0, 0.1))]
)
def test_noise_is_added_at_every_step(name, prior):
    model, x = tiny(name, langevin_noise=True, inference_steps=8), images()
    expected = moved(model, x, torch.zeros(6, 5), 8, prior, seeded(4))
    close(model.sample_code(x, seeded(4)).z, expected)
    assert not torch.equal(model.sample_code(x, seeded(5)).z, model.sample_code(x, seeded(4)).z)
    # Without a source of randomness the same steps are taken in silence.
    assert torch.equal(model.encode(x).z, tiny(name, inference_steps=8).encode(x).z)


def test_training_sees_the_noise():
    model, x = tiny("short_run", langevin_noise=True, inference_steps=8), images()
    z = moved(model, x, torch.zeros(6, 5), 8, noise=seeded(4))
    pixels = Normal(torch.sigmoid(model.decoder.layers(z)), 0.3).log_prob(x.flatten(1)).sum(1)
    torch.testing.assert_close(
        model.loss(TrainingStep(x, seeded(4))).total, -pixels.mean(), rtol=1e-4, atol=1e-3
    )
    quiet = tiny("short_run", inference_steps=8)
    one, other = (quiet.loss(TrainingStep(x, seeded(seed))).total for seed in (4, 5))
    assert torch.equal(one, other)


# --------------------------------------------------------------------------- several chains, states


@pytest.mark.parametrize("name", ["short_run", "sparse_generator"])
@pytest.mark.parametrize("pick", ["best", "mean"])
def test_code_of_several_chains(name, pick):
    """Each chain by hand from zero or its own draw, then the highest log-joint of each image, or
    the mean.
    """
    model, x = tiny(name, chains=3, inference_steps=6, pick=pick), images()
    prior = NORMAL if name == "short_run" else mixture(0.01, 1.0, 0.1)
    starts = torch.cat([torch.zeros(1, 6, 5), drawn(model, 12, seeded(4)).view(2, 6, 5)])
    ends = torch.stack([moved(model, x, start, 6, prior) for start in starts])
    joint = torch.stack([log_joint(model, x, end, prior) for end in ends])
    best = torch.stack([ends[joint[:, i].argmax(), i] for i in range(6)])
    close(model.sample_code(x, seeded(4)).z, best if pick == "best" else ends.mean(0))
    if name == "short_run":
        assert len(joint.argmax(0).unique()) > 1


def test_codes_of_several_chains_are_the_same_every_time_and_image_by_image():
    model, x = tiny("short_run", chains=4, inference_steps=6), images()
    ends = torch.stack(
        [
            moved(model, x, start.expand(6, 5), 6)
            for start in (torch.zeros(5), *drawn(model, 3, seeded(0)))
        ]
    )
    joint = torch.stack([log_joint(model, x, end) for end in ends])
    found = model.encode(x).z
    close(found, torch.stack([ends[joint[:, i].argmax(), i] for i in range(6)]))
    assert torch.equal(found, model.encode(x).z)
    close(model.encode(x[2:3]).z, found[2:3])
    assert log_joint(model, x, found).mean() > joint.mean(1).max()


@pytest.mark.parametrize("pick", ["best", "mean"])
def test_code_of_several_states_of_one_chain(pick):
    """States after 4, 7 and 10 steps; a large decoder step makes the later ones not always the
    better ones.
    """
    model, x = (
        tiny("short_run", inference_steps=4, kept=3, skip=3, pick=pick, langevin_noise=True),
        images(),
    )
    noise, z, states = seeded(4), torch.zeros(6, 5), []
    for steps in (4, 3, 3):
        z = moved(model, x, z, steps, noise=noise)
        states.append(z)
    joint = torch.stack([log_joint(model, x, state) for state in states])
    best = torch.stack([states[int(joint[:, i].argmax())][i] for i in range(6)])
    close(
        model.sample_code(x, seeded(4)).z, best if pick == "best" else torch.stack(states).mean(0)
    )
    assert len(joint.argmax(0).unique()) > 1


def test_chains_and_states_together():
    model, x = tiny("short_run", chains=2, kept=2, skip=3, inference_steps=4, pick="mean"), images()
    starts = torch.stack([torch.zeros(6, 5), drawn(model, 6, seeded(4))])
    states = [moved(model, x, start, steps) for start in starts for steps in (4, 7)]
    close(model.sample_code(x, seeded(4)).z, torch.stack(states).mean(0))


def test_more_candidates_never_lower_the_log_joint():
    x = images(30)
    for name, prior in (("short_run", NORMAL), ("sparse_generator", mixture(0.01, 1.0, 0.1))):
        one = tiny(name)
        alone = log_joint(one, x, one.encode(x).z, prior)
        for options in ({"chains": 4}, {"kept": 3}):
            assert (
                log_joint(one, x, tiny(name, **options).encode(x).z, prior) >= alone - 1e-3
            ).all()


def test_one_chain_with_one_state_is_the_plain_generator():
    assert torch.equal(
        tiny("short_run", chains=1, kept=1, skip=99).encode(images()).z,
        tiny("short_run").encode(images()).z,
    )


def test_alpha_is_constant_when_it_starts_where_it_ends():
    model = tiny("sparse_generator", alpha=0.05, alpha_start=0.05)
    model.plan(steps=100, steps_per_epoch=3)
    for step in (0, 1, 5, 99):
        loss(model, step)
        assert model.alpha.item() == pytest.approx(0.05)


# -------------------------------------------------------------------------------- persistent chains


def pixels(n: int):
    return data.load("digits").train.images[:n]


def abp(**options):
    return tiny("abp", **{"inference_steps": 3, "cold_steps": 9, "langevin_noise": False} | options)


def trained(model, n: int = 25, **options):
    vsclib.fit(
        model,
        pixels(n),
        **{"steps": 8, "batch_size": 10, "learning_rate": 1e-12, "progress": False} | options,
    )
    return model


def test_each_chain_moves_on_at_every_visit_of_its_image():
    """A decoder that stands still; two batches of ten an epoch, so that five of 25 images are left
    out each time.
    """
    model, visits = abp(), torch.zeros(25, dtype=torch.int64)
    objective = model.objective

    def count(step):
        visits.index_add_(0, step.rows, torch.ones_like(step.rows))
        return objective(step)

    model.objective = count
    trained(model)
    assert visits.sum() == 80 and len(visits.unique()) > 1
    starts, x = drawn(model, 25, seeded(stream(0, "draws"))), data.to_tensor(pixels(25))
    for i in range(25):
        close(
            model.chains[i : i + 1],
            moved(model, x[i : i + 1], starts[i : i + 1], 3 * int(visits[i])),
        )


def test_the_decoder_learns_from_the_chains():
    model = trained(abp(), steps=1)
    x = data.to_tensor(pixels(25))
    rows = torch.arange(6)
    before = model.chains[rows].clone()
    step = TrainingStep(x[rows], seeded(), 1, rows)
    found = model.loss(step)
    assert torch.equal(model.chains[rows], before)  # a look at the loss moves nothing
    model.remember(step, found.state)
    z = moved(model, x[rows], before, 3)
    close(model.chains[rows], z)
    likelihood = (
        Normal(torch.sigmoid(model.decoder.layers(z)), 0.3).log_prob(x[rows].flatten(1)).sum(1)
    )
    torch.testing.assert_close(found.total, -likelihood.mean(), rtol=1e-4, atol=1e-3)
    # Images from elsewhere move nobody's chains.
    kept, step = model.chains.clone(), TrainingStep(x[10:16], seeded(), 1)
    model.remember(step, model.loss(step).state)
    assert torch.equal(model.chains, kept)


def test_images_without_a_chain_start_cold():
    model, x = trained(abp()), images()
    assert torch.equal(model.encode(x).z, model.infer(x))
    close(model.encode(x).z, moved(model, x, torch.zeros(6, 5), 9))
    noisy = tiny("abp", cold_steps=9)
    assert noisy.config.langevin_noise
    close(noisy.sample_code(x, seeded(4)).z, moved(noisy, x, torch.zeros(6, 5), 9, noise=seeded(4)))


def test_persistent_chains_reach_the_posterior_of_a_linear_generator():
    """A thousand copies of one image, a chain for each: together they are draws from a posterior
    known in closed form.
    """
    copies, directions = 1000, torch.randn(64, 5, generator=seeded(1)) / 10
    model, x = abp(langevin_noise=True, inference_steps=6), data.to_tensor(pixels(1))
    model.decoder.forward = lambda z: Gaussian(
        (0.5 + z @ directions.T).view(-1, *SHAPE), torch.tensor(0.3).log() * 2
    )
    precision = torch.eye(5) + directions.T @ directions / 0.3**2
    top = torch.linalg.solve(precision, directions.T @ (x.flatten() - 0.5) / 0.3**2)
    many = x.repeat(copies, 1, 1, 1)
    model.prepare(many, seeded(2))
    rows, noise = torch.arange(copies), seeded(3)

    def visit(times: int) -> tuple[float, torch.Tensor]:
        for step in range(times):
            visit_ = TrainingStep(many, noise, step, rows)
            model.remember(visit_, model.objective(visit_).state)
        return (model.chains.mean(0) - top).norm().item(), model.chains.T.cov() @ precision

    near = 4.5 * torch.linalg.inv(precision).trace().div(copies).sqrt().item()
    early, _ = visit(1)
    late, ratio = visit(40)
    assert early > 2 * near and late < near
    # The identity, up to draws (about 5 % an entry) and to the bias of a finite step (s^2/4 times
    # the precision).
    assert (ratio - torch.eye(5)).abs().max() < 0.25 and SIZE**2 / 4 * torch.linalg.eigvalsh(
        precision
    ).max() < 0.05


class Killed(Exception):
    pass


def test_chains_survive_a_kill(tmp_path):
    settings = {"steps": 12, "learning_rate": 1e-2, "checkpoint_every": 4}
    whole = trained(tiny("abp"), checkpoint=tmp_path / "whole.safetensors", **settings)
    dying, path = tiny("abp"), tmp_path / "part.safetensors"
    learn = dying.objective

    def die(step):
        if step.number == 10:
            raise Killed
        return learn(step)

    dying.objective = die
    with pytest.raises(Killed):
        trained(dying, checkpoint=path, **settings)
    resumed = trained(tiny("abp", seed=9), checkpoint=path, **settings)
    assert torch.equal(whole.chains, resumed.chains) and whole.chains.std() > 0.1
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_chains_are_in_the_checkpoint_and_not_in_the_model(tmp_path):
    model = trained(tiny("abp"), checkpoint=tmp_path / "training.safetensors")
    vsclib.save(model, tmp_path / "model.safetensors")
    with safe_open(tmp_path / "training.safetensors", "pt") as file:
        assert torch.equal(file.get_tensor("memory.chains"), model.chains)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert not [name for name in file.keys() if "chains" in name]
    assert torch.equal(
        vsclib.load(tmp_path / "model.safetensors").encode(images()).z, model.encode(images()).z
    )
    trained(tiny("vae"), checkpoint=tmp_path / "vae.safetensors")
    with safe_open(tmp_path / "vae.safetensors", "pt") as file:
        assert not [name for name in file.keys() if name.startswith("memory.")]


def test_a_new_training_starts_new_chains():
    model = trained(abp())
    trained(model, n=15, steps=0)
    assert torch.equal(model.chains, drawn(model, 15, seeded(stream(0, "draws"))))


@pytest.mark.parametrize("name", ["abp", "vsc_uai"])
def test_a_refused_checkpoint_leaves_the_model_as_it_was(tmp_path, name):
    path = tmp_path / "training.safetensors"
    trained(tiny(name), checkpoint=path)
    model = tiny(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match="belongs to another training"):
        trained(model, checkpoint=path, seed=5)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert len(model.memory().get("chains", ())) == 0


# ----------------------------------------------------------------------------------------- the rest


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("short_run", {"chains": 0}, "chains = 0 is not allowed: choose chains >= 1"),
        ("short_run", {"kept": 0}, "kept = 0 is not allowed: choose kept >= 1"),
        ("sparse_generator", {"skip": 0}, "skip = 0 is not allowed: choose skip >= 1"),
        (
            "short_run",
            {"pick": "worst"},
            "pick = 'worst' is not allowed: choose one of 'best', 'mean'",
        ),
        (
            "short_run",
            {"langevin_noise": 1},
            "langevin_noise = 1 is not allowed: choose true or false",
        ),
        ("abp", {"cold_steps": -1}, "cold_steps = -1 is not allowed: choose cold_steps >= 0"),
        ("abp", {"chains": 3}, "model 'abp' has no option 'chains'"),
        ("short_run", {"cold_steps": 3}, "model 'short_run' has no option 'cold_steps'"),
        (
            "sparse_generator",
            {"alpha": 0.3, "alpha_start": 0.2},
            "choose alpha <= alpha_start <= 1",
        ),
    ],
)
def test_bad_options_are_refused_in_one_line(name, options, message):
    with pytest.raises(ConfigurationError) as caught:
        tiny(name, **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("short_run", {"langevin_noise": True}),
        ("short_run", {"chains": 3}),
        ("sparse_generator", {"kept": 3, "skip": 5}),
        ("sparse_generator", {"alpha": 0.1, "alpha_start": 0.1}),
    ],
)
def test_every_kind_of_inference_trains(name, options):
    digits = data.load("digits")
    model = vsclib.models.create(
        name, image_shape=SHAPE, latents=12, hidden=64, inference_steps=20, **options
    )
    history = vsclib.fit(
        model, digits, steps=80, batch_size=100, learning_rate=3e-3, progress=False
    )
    assert history.terms["total"][-1] < history.terms["total"][0] - 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("abp", {"cold_steps": 5}),
        ("beta_tcvae", {"estimator": "weighted"}),
        ("short_run", {"chains": 2, "kept": 2, "skip": 2, "pick": "mean", "langevin_noise": True}),
    ],
)
def test_a_run_through_papermill(tmp_path, name, options):
    made = Experiment.of(
        model=name,
        steps=4,
        latents=3,
        hidden=6,
        device="cpu",
        folder=str(tmp_path / "run"),
        **options,
    )
    page = execute(made, NOTEBOOK, progress=False)
    record = json.loads((page.parent / "record.json").read_text())
    assert record["experiment"]["options"] == {"latents": 3, "hidden": 6} | options
    assert record["metrics"]["psnr"] > 0 and (record["metrics"]["elbo"] is None) is (
        name != "beta_tcvae"
    )
