"""The measures against formulas and Monte Carlo estimates that know nothing of the library."""

import json
import math

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from scipy.special import expit
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from vsclib import data, metrics, models
from vsclib.errors import ConfigurationError, DataError
from vsclib.models import Code

SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def digits() -> data.DataSet:
    return data.load("digits")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def tiny(name: str, **options) -> models.Model:
    """An untrained model whose codes differ from image to image."""
    model = models.create(name, image_shape=SHAPE, latents=4, hidden=16, seed=3, **options)
    if hasattr(model, "encoder"):
        with torch.no_grad():
            model.encoder.head.weight.mul_(6.0)
    return model


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ----------------------------------------------------------------------------------------- pictures


def test_psnr_is_the_hand_formula_image_by_image(rng):
    x, y = rng.random((2, 50, 3, 6, 5)).astype(np.float32)
    by_hand = np.mean(
        [
            10 * math.log10(1 / np.mean((a.astype(float) - b) ** 2))
            for a, b in zip(x, y, strict=True)
        ]
    )
    assert metrics.psnr(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(
        by_hand, abs=1e-4
    )


def test_psnr_of_a_known_error_is_twenty_decibels():
    x = torch.full((4, 1, 8, 8), 0.5)
    assert metrics.psnr(x, x + 0.1) == pytest.approx(20.0, abs=1e-4)
    assert metrics.psnr(x, x) == math.inf


def test_psnr_does_not_pool_the_error_over_images():
    x = torch.zeros(2, 1, 8, 8)
    y = torch.cat([torch.full((1, 1, 8, 8), 0.01), torch.full((1, 1, 8, 8), 0.5)])
    by_hand = 0.5 * (40.0 + 20 * math.log10(2.0))
    pooled = peak_signal_noise_ratio(y, x, data_range=1.0).item()
    assert metrics.psnr(x, y) == pytest.approx(by_hand, abs=1e-3)
    assert metrics.psnr(x, y) - pooled > 1.0


def test_psnr_takes_bytes_as_a_data_set_holds_them(rng):
    x = rng.integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)
    y = rng.integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)
    errors = ((x.astype(float) - y) ** 2).mean((1, 2, 3)) / 255**2
    assert metrics.psnr(x, y) == pytest.approx(np.mean(-10 * np.log10(errors)), abs=1e-4)
    assert metrics.image_psnr(x, y).shape == (5,)


def test_pictures_of_different_shapes_are_refused():
    with pytest.raises(DataError, match=r"\(2, 1, 8, 8\).*\(3, 1, 8, 8\)"):
        metrics.psnr(torch.zeros(2, 1, 8, 8), torch.zeros(3, 1, 8, 8))


def ssim_by_hand(x: np.ndarray, y: np.ndarray, window: int, sigma: float) -> float:
    offsets = np.arange(window) - window // 2
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    weights = np.outer(weights, weights) / weights.sum() ** 2

    def average(image):
        return correlate2d(np.pad(image, window // 2, mode="reflect"), weights, mode="valid")

    values = []
    for a, b in zip(x[:, 0].astype(float), y[:, 0].astype(float), strict=True):
        ma, mb = average(a), average(b)
        va, vb, cov = average(a * a) - ma**2, average(b * b) - mb**2, average(a * b) - ma * mb
        c1, c2 = 0.01**2, 0.03**2
        values.append(
            ((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean()
        )
    return float(np.mean(values))


@pytest.mark.parametrize(
    ("side", "window", "sigma"), [(28, 11, 1.5), (8, 7, 1.5 * 7 / 11), (9, 9, 1.5 * 9 / 11)]
)
def test_ssim_is_the_published_formula_with_the_stated_window(rng, side, window, sigma):
    x = rng.random((6, 1, side, side)).astype(np.float32)
    y = np.clip(x + 0.2 * rng.standard_normal(x.shape), 0, 1).astype(np.float32)
    found = metrics.ssim(torch.from_numpy(x), torch.from_numpy(y))
    assert metrics.ssim_window(x.shape) == window
    assert found == pytest.approx(ssim_by_hand(x, y, window, sigma), abs=1e-4)


def test_ssim_is_torchmetrics_on_colour_images_that_are_not_square():
    x = torch.rand(9, 3, 40, 23, generator=seeded())
    y = (x + 0.2 * torch.randn(x.shape, generator=seeded(1))).clamp(0, 1)
    _, wanted = structural_similarity_index_measure(y, x, data_range=1.0, return_full_image=True)
    assert metrics.ssim(x, y) == pytest.approx(wanted.mean().item(), abs=1e-5)


def test_ssim_is_one_for_equal_images_and_less_for_others(rng):
    x = torch.from_numpy(rng.random((5, 1, 12, 12)).astype(np.float32))
    assert metrics.ssim(x, x) == pytest.approx(1.0, abs=1e-6)
    assert -1.0 <= metrics.ssim(x, 1 - x) < metrics.ssim(x, 0.9 * x) < 1.0


@pytest.mark.parametrize("window", [4, 1, 9, 13])
def test_ssim_refuses_a_window_that_does_not_fit(window):
    x = torch.zeros(2, 1, 8, 8)
    with pytest.raises(ConfigurationError, match=rf"window = {window} .*odd number from 3 to 7"):
        metrics.ssim(x, x, window=window)


# -------------------------------------------------------------------------------------------- codes


def made_code(n: int = 2000) -> Code:
    """Latent 0 always on, 1 never, 2 on for one image in 2,000 (too rare), 3 on for half of them."""
    gamma = torch.zeros(n, 4)
    gamma[:, 0] = 0.9
    gamma[:, 1] = 0.3
    gamma[0, 2] = 0.8
    gamma[: n // 2, 3] = 1.0
    mu = torch.full((n, 4), 2.0)
    active = gamma > 0.5
    return Code(mu * active, active, mu, None, gamma)


def test_usage_counts_a_code_made_by_hand():
    found = metrics.usage(made_code())
    assert found.on_per_image == pytest.approx(1 + 1 / 2000 + 0.5)
    assert (found.ever_on, found.always_on) == (2, 1)
    assert found.sparsity == pytest.approx(1 - (2000 + 1 + 1000) / 8000)


def test_usage_reads_gamma_at_the_threshold_and_active_without_one():
    code = made_code()
    assert metrics.usage(code, 0.25).always_on == 2
    assert metrics.usage(code, 0.95).on_per_image == pytest.approx(0.5)
    assert metrics.usage(code._replace(gamma=None), 0.25) == metrics.usage(code, 0.5)


def test_ever_and_always_are_strict_at_their_borders():
    n = 1000
    active = torch.zeros(n, 4, dtype=torch.bool)
    active[:1, 0] = True  # 0.1 % exactly: not ever on
    active[:2, 1] = True
    active[:990, 2] = True  # 99 % exactly: not always on
    active[:991, 3] = True
    found = metrics.usage(Code(active.float(), active))
    assert (found.ever_on, found.always_on) == (3, 1)


def test_read_out_opens_more_gates_at_a_lower_threshold():
    code = metrics.read_out(made_code(), 0.25)
    assert code.z[:, 1].eq(2.0).all() and code.active[:, 1].all()
    inferred = Code(
        torch.full((3, 2), 0.7), torch.zeros(3, 2, dtype=torch.bool), gamma=torch.full((3, 2), 0.4)
    )
    assert torch.equal(metrics.read_out(inferred, 0.3).z, inferred.z)
    with pytest.raises(ConfigurationError, match="no gamma"):
        metrics.read_out(code._replace(gamma=None), 0.3)


@pytest.mark.parametrize("threshold", [-0.1, 1.0, math.nan])
def test_thresholds_outside_their_range_are_refused(threshold):
    for measure in (metrics.usage, metrics.read_out):
        with pytest.raises(ConfigurationError, match="0 <= threshold < 1"):
            measure(made_code(), threshold)


def test_near_zero_is_a_share_of_entries():
    z = torch.tensor([[0.0, 0.04, -0.04, 0.06], [-0.2, 1.0, 0.049, -0.3]])
    code = Code(z, z != 0)
    assert metrics.near_zero(code) == pytest.approx(4 / 8)
    assert metrics.near_zero(code, 0.25) == pytest.approx(6 / 8)
    with pytest.raises(ConfigurationError, match="threshold > 0"):
        metrics.near_zero(code, 0.0)


def test_moving_latents_counts_variances_of_the_mean():
    mu = torch.zeros(1000, 3)
    mu[::2, 0] = 0.3  # variance 0.0225
    mu[::2, 1] = 0.1  # variance 0.0025
    mu[:, 2] = 5.0  # large and still
    active = torch.ones(1000, 3, dtype=torch.bool)
    assert metrics.moving_latents(Code(torch.zeros(1000, 3), active, mu)) == 1
    assert metrics.moving_latents(Code(mu * 10, active)) == 2


def test_informative_latents_counts_by_mean_kl():
    model = tiny("vae")
    mu = torch.tensor([[1.0, 0.1, 0.0, 0.2]]).repeat(1500, 1)  # KL: 0.5, 0.005, 0, 0.02
    code = Code(mu, torch.ones_like(mu, dtype=torch.bool), mu, torch.zeros_like(mu))
    assert metrics.informative_latents(model, code) == 2
    assert metrics.informative_latents(tiny("ae"), code) is None


def test_codes_of_a_set_are_the_codes_of_its_batches(digits):
    model = tiny("vsc", gamma_bias=0.0)
    images = digits.train.images[:1100]
    code = metrics.codes(model, images)
    whole = model.encode(data.to_tensor(images))
    assert code.z.shape == (1100, 4)
    assert torch.allclose(code.z, whole.z, atol=1e-6) and torch.equal(code.active, whole.active)
    assert torch.allclose(metrics.reconstruct(model, code), model.decode(whole.z).mean, atol=1e-6)
    assert torch.allclose(
        metrics.reconstruct(model, images), metrics.reconstruct(model, data.to_tensor(images))
    )


def test_sampled_codes_differ_by_their_seed_alone(digits):
    model, images = tiny("vae"), digits.test.images[:20]
    first, again = (
        metrics.codes(model, images, sampled=True, generator=seeded(1)).z for _ in range(2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, metrics.codes(model, images, sampled=True, generator=seeded(2)).z)
    with pytest.raises(ConfigurationError, match="needs a generator"):
        metrics.codes(model, images, sampled=True)


def test_psnr_thresholded_zeroes_exactly_the_small_values(digits):
    model, images = tiny("short_run"), digits.test.images[:30]
    code = metrics.codes(model, images)
    cut = float(code.z.abs().median())
    z = torch.where(code.z.abs() < cut, 0.0, code.z)
    by_hand = metrics.psnr(images, model.decode(z).mean.detach())
    assert metrics.psnr_thresholded(model, images, cut, code) == pytest.approx(by_hand, abs=1e-5)
    assert metrics.psnr_thresholded(model, images, cut) == pytest.approx(by_hand, abs=1e-5)
    assert metrics.psnr_thresholded(model, images, 0.0, code) == metrics.psnr(
        images, metrics.reconstruct(model, code)
    )
    with pytest.raises(ConfigurationError, match="threshold >= 0"):
        metrics.psnr_thresholded(model, images, -1.0, code)


# -------------------------------------------------------------------------------------------- bound


def weights(model: models.Model) -> dict[str, np.ndarray]:
    return {name: value.detach().double().numpy() for name, value in model.state_dict().items()}


def numpy_heads(w: dict[str, np.ndarray], x: np.ndarray, heads: int) -> list[np.ndarray]:
    hidden = np.maximum(
        x.reshape(len(x), -1) @ w["encoder.layers.1.weight"].T + w["encoder.layers.1.bias"], 0
    )
    return np.split(hidden @ w["encoder.head.weight"].T + w["encoder.head.bias"], heads, axis=1)


def numpy_log_likelihood(w: dict[str, np.ndarray], x: np.ndarray, z: np.ndarray) -> np.ndarray:
    hidden = np.maximum(z @ w["decoder.layers.0.weight"].T + w["decoder.layers.0.bias"], 0)
    p = expit(hidden @ w["decoder.layers.2.weight"].T + w["decoder.layers.2.bias"])
    x = x.reshape(len(x), -1)
    return (x * np.log(p) + (1 - x) * np.log1p(-p)).sum(1)


def normal_log_density(z, mean, logvar):
    return -0.5 * (np.log(2 * np.pi) + logvar + (z - mean) ** 2 / np.exp(logvar))


def numpy_bound(
    model: models.Model, x: np.ndarray, rng: np.random.Generator, draws: int
) -> tuple[float, float]:
    """Mean and standard error of log p(x, z) - log q(z | x) under q: KL and likelihood both by
    Monte Carlo.
    """
    w, sparse = weights(model), model.name == "vsc"
    mu, logvar, *v = numpy_heads(w, x, 3 if sparse else 2)
    estimates = []
    for _ in range(draws):
        slab = mu + np.exp(0.5 * logvar) * rng.standard_normal(mu.shape)
        log_ratio = normal_log_density(slab, 0.0, 0.0) - normal_log_density(slab, mu, logvar)
        if sparse:
            gamma, alpha = expit(v[0]), model.config.alpha
            spike = rng.random(gamma.shape) < gamma
            log_ratio = np.where(
                spike, log_ratio + np.log(alpha / gamma), np.log((1 - alpha) / (1 - gamma))
            )
            slab = slab * spike
        estimates.append((numpy_log_likelihood(w, x, slab) + log_ratio.sum(1)).mean())
    return float(np.mean(estimates)), float(np.std(estimates) / math.sqrt(draws))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"), [("vae", {}), ("beta_vae", {}), ("vsc", {"alpha": 0.2, "gamma_bias": 0.0})]
)
def test_elbo_is_a_numpy_monte_carlo_estimate(digits, rng, name, options):
    model, images = tiny(name, **options), digits.test.images[:10]
    found = metrics.elbo(model, images, seeded(), samples=3000)
    wanted, error = numpy_bound(model, images.astype(float) / 255, rng, draws=3000)
    assert found.elbo == pytest.approx(wanted, abs=6 * error)
    assert error < 0.1 < found.kl
    assert found.elbo == pytest.approx(found.likelihood - found.kl, abs=1e-9)


@pytest.mark.slow
def test_elbo_has_the_spread_over_images_as_its_error(digits):
    model, images = tiny("vae"), digits.test.images[:60]
    found = metrics.elbo(model, images, seeded(), samples=100)
    single = [
        metrics.elbo(model, images[i : i + 1], seeded(i), samples=100).elbo for i in range(60)
    ]
    assert found.standard_error == pytest.approx(np.std(single, ddof=1) / math.sqrt(60), rel=0.05)


def test_elbo_takes_known_codes_and_refuses_no_samples(digits):
    model, images = tiny("vae"), digits.test.images[:40]
    known = metrics.elbo(model, images, seeded(), code=metrics.codes(model, images))
    assert known == metrics.elbo(model, images, seeded())
    with pytest.raises(ConfigurationError, match="samples >= 1"):
        metrics.elbo(model, images, seeded(), samples=0)


@pytest.mark.parametrize(
    "name",
    ["abp", "ae", "batch_top_k", "jump_relu", "relu_sae", "short_run", "sparse_generator", "top_k"],
)
def test_models_without_a_bound_say_so(digits, name):
    assert metrics.elbo(tiny(name), digits.test.images[:5], seeded()) is None


# --------------------------------------------------------------------------------------- classifier


def labelled(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.integers(0, 3, n)
    centres = np.array([[4.0, 0.0], [0.0, 4.0], [-4.0, -4.0]])
    return centres[labels] + 0.3 * rng.standard_normal((n, 2)), labels


def test_accuracy_is_one_on_separable_codes_and_chance_on_noise(rng):
    x, y = labelled(rng, 400)
    assert (
        metrics.linear_accuracy(
            torch.from_numpy(x[:300]), y[:300], torch.from_numpy(x[300:]), y[300:]
        )
        == 1.0
    )
    noise = rng.standard_normal((4000, 2))
    assert (
        metrics.linear_accuracy(
            noise[:3000], rng.integers(0, 2, 3000), noise[3000:], rng.integers(0, 2, 1000)
        )
        < 0.6
    )


def test_accuracy_divides_all_latents_by_one_number(rng):
    x, y = labelled(rng, 2000)
    loud = np.concatenate([1e-4 * x, 100.0 * rng.standard_normal((2000, 1))], axis=1)
    found = metrics.linear_accuracy(loud[:1500], y[:1500], loud[1500:], y[1500:])
    assert found < 0.5  # standardised latent by latent it would be near 1


def test_accuracy_does_not_depend_on_the_scale_of_the_codes(rng):
    # Without the division the penalty would leave codes this small to the intercept, which knows
    # the commonest label.
    labels = (np.arange(1000) % 5 == 0).astype(int)
    codes = 1e-4 * (np.where(labels, 1.0, -1.0)[:, None] + 0.1 * rng.standard_normal((1000, 1)))
    assert metrics.linear_accuracy(codes, labels, codes, labels) == 1.0


def test_accuracy_learns_from_five_thousand_drawn_codes_only(rng):
    _, y = labelled(rng, 12_000)
    drawn = metrics.stratified_sample(y, metrics.PROBE_CODES)
    x = -np.eye(3)[y]  # what is not drawn teaches the opposite
    x[drawn] *= -1.0
    assert metrics.linear_accuracy(x, y, x[drawn], y[drawn]) == 1.0


def test_accuracy_is_that_of_another_solver_at_the_same_optimum(rng):
    x = rng.standard_normal((2000, 20)) * np.linspace(0.05, 3.0, 20)
    y = (x @ rng.standard_normal((20, 4)) + 3.0 * rng.standard_normal((2000, 4))).argmax(1)
    scaled = x / x[:1000].std()
    other = LogisticRegression(C=1.0, tol=1e-8, max_iter=5000).fit(scaled[:1000], y[:1000])
    found = metrics.linear_accuracy(x[:1000], y[:1000], x[1000:], y[1000:])
    assert found == pytest.approx(other.score(scaled[1000:], y[1000:]), abs=0.002)


def test_accuracy_of_a_collapsed_code_is_that_of_the_commonest_label():
    labels = np.array([0, 0, 0, 1] * 50)
    assert metrics.linear_accuracy(
        np.zeros((200, 3)), labels, np.zeros((200, 3)), labels
    ) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("codes", "labels", "message"),
    [
        (np.zeros((5, 2)), np.zeros(4, int), "every code needs a label"),
        (np.full((4, 2), np.nan), np.arange(4), "finite"),
        (np.zeros((4, 2)), np.zeros(4, int), "at least 2 classes"),
    ],
)
def test_accuracy_refuses_what_it_cannot_learn_from(codes, labels, message):
    with pytest.raises(DataError, match=message):
        metrics.linear_accuracy(codes, labels, np.zeros((2, 2)), np.zeros(2, int))


def test_fvu_is_one_for_the_average_image_and_a_share_of_its_error_else():
    rng = np.random.default_rng(0)
    x = torch.as_tensor(rng.random((30, 1, 5, 4)) ** 2).float()
    average = x.mean(0, keepdim=True).expand_as(x)
    assert metrics.fvu(x, x) == 0.0 and metrics.fvu(x, average) == pytest.approx(1.0, rel=1e-6)
    assert metrics.fvu(x, average + 0.7 * (x - average)) == pytest.approx(
        0.09, rel=1e-4
    )  # 0.3 squared
    plane = x.flatten(1).numpy().astype(float)
    kept = PCA(3).fit(plane)
    rebuilt = (
        torch.as_tensor(kept.inverse_transform(kept.transform(plane))).float().reshape(x.shape)
    )
    explained = kept.explained_variance_ratio_.sum()
    assert metrics.fvu(x, rebuilt) == pytest.approx(1 - explained, rel=1e-4)
    with pytest.raises(DataError, match="no variance to explain"):
        metrics.fvu(x[:1].expand(4, 1, 5, 4), x[:4])


# ------------------------------------------------------------------------------------------- record


@pytest.mark.parametrize("name", models.names())
def test_a_record_is_plain_defined_and_complete(digits, name):
    record, not_measured = metrics.evaluate(tiny(name), digits, seeded(), test_images=40)
    assert not not_measured and tuple(record) == tuple(metrics.DEFINITIONS)
    assert all(value is None or type(value) in (int, float) for value in record.values())
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    sparse = name in ("vsc", "vsc_mixture", "vsc_thresholds", "vsc_uai", "vsc_wu")
    learned = name in ("vae_mixture", "vsc_mixture", "vsc_uai")
    has_bound = sparse or name in ("vae", "vae_mixture", "beta_vae", "beta_tcvae", "poisson_vae")
    assert (record["elbo"] is not None) is has_bound
    assert (record["accuracy_mu_gamma"] is not None) is sparse
    assert (record["low_threshold"] is not None) is (
        sparse and name not in ("vsc_mixture", "vsc_uai")
    )
    for key in ("elbo_paid", "pseudo_inputs_used"):
        assert (record[key] is not None) is learned
    assert (record["sparsity_term"] is not None) is (learned and sparse)
    assert record["test_images"] == 40


def test_a_record_holds_what_the_single_measures_give(digits):
    model = tiny("vsc", alpha=0.1, gamma_bias=0.0)
    record = metrics.evaluate(model, digits, seeded()).numbers
    images, labels = digits.test.images, digits.test.labels
    code, train = metrics.codes(model, images), metrics.codes(model, digits.train.images)
    assert record["psnr"] == metrics.psnr(images, model.decode(code.mu * code.active).mean.detach())
    assert record["psnr_sampled"] < record["psnr"]
    assert record["on_per_image"] == pytest.approx((code.gamma > 0.5).sum(1).double().mean().item())
    assert record["low_threshold"] == pytest.approx(0.2)
    assert record["low_on_per_image"] == pytest.approx(
        (code.gamma > 0.2).sum(1).double().mean().item()
    )
    assert record["expected_on"] == pytest.approx(code.gamma.sum(1).mean().item())
    assert record["accuracy_mu_gamma"] == metrics.linear_accuracy(
        train.mu * train.gamma, digits.train.labels, code.mu * code.gamma, labels
    )
    assert record["accuracy"] == metrics.linear_accuracy(
        train.mu * train.active, digits.train.labels, code.mu * code.active, labels
    )


@pytest.mark.parametrize("name", ["ae", "vsc", "vsc_uai"])
def test_quick_measures_are_the_full_ones_but_for_what_takes_longest(digits, name, monkeypatch):
    model = tiny(name)
    full = metrics.evaluate(model, digits, seeded(), test_images=30).numbers
    # What is left out is not computed in secret either.
    monkeypatch.setattr("vsclib.metrics.record.linear_accuracy", None)
    monkeypatch.setattr(type(model), "log_ratio", None)
    quick = metrics.evaluate(model, digits, seeded(), test_images=30, measures="quick")
    assert set(quick.not_measured) == set(metrics.NOT_QUICK)
    assert all("'quick'" in reason for reason in quick.not_measured.values())
    assert quick.numbers == {
        key: value for key, value in full.items() if key not in metrics.NOT_QUICK
    }


def test_a_model_keeps_its_own_threshold_in_the_record(digits):
    model, loose = tiny("vsc", threshold=0.9, gamma_bias=0.0), tiny("vsc", gamma_bias=0.0)
    record = metrics.evaluate(model, digits, seeded(), test_images=50).numbers
    looser = metrics.evaluate(loose, digits, seeded(), test_images=50).numbers
    assert record["threshold"] == 0.9
    assert record["on_per_image"] < looser["on_per_image"]


def test_what_the_data_do_not_allow_is_told_from_what_the_model_does_not_have(digits):
    unlabelled = digits._replace(train=digits.train._replace(labels=None))
    numbers, not_measured = metrics.evaluate(tiny("vae"), unlabelled, seeded(), test_images=10)
    assert not_measured == {"accuracy": "no labels in the data set"}
    assert numbers["accuracy_mu_gamma"] is None and numbers["psnr"] is not None
    sparse = metrics.evaluate(tiny("vsc", alpha=0.1), unlabelled, seeded(), test_images=10)
    assert set(sparse.not_measured) == {"accuracy", "accuracy_mu_gamma", "low_accuracy"}


def test_a_measure_that_fails_costs_its_own_number_alone(digits, monkeypatch):
    def broken(*_: object) -> float:
        raise RuntimeError("no memory\nand more")

    sound = metrics.evaluate(tiny("vsc"), digits, seeded(), test_images=20).numbers
    monkeypatch.setattr("vsclib.metrics.record.ssim", broken)
    numbers, not_measured = metrics.evaluate(tiny("vsc"), digits, seeded(), test_images=20)
    assert not_measured == {"ssim": "raised RuntimeError: no memory"}
    assert numbers == {name: value for name, value in sound.items() if name != "ssim"}


def test_a_record_holds_no_infinity(digits):
    # Halves everywhere are what a decoder with zero weights gives: a perfect reconstruction, of
    # infinite PSNR.
    model = tiny("ae")
    for weight in model.decoder.parameters():
        torch.nn.init.zeros_(weight)
    grey = torch.full((4, *SHAPE), 0.5)
    assert metrics.psnr(grey, metrics.reconstruct(model, grey)) == math.inf
    flat = digits.test._replace(images=np.zeros((4, *SHAPE), np.uint8), labels=None)
    with torch.no_grad():
        model.decoder.layers[-1].bias.fill_(-1e4)
    record, not_measured = metrics.evaluate(model, digits._replace(test=flat), seeded())
    assert not_measured["psnr"] == "the number is infinite" and "psnr" not in record
    assert "no variance to explain" in not_measured["fvu"]
    assert record["ssim"] == pytest.approx(1.0)


def test_a_record_of_no_images_is_refused(digits):
    with pytest.raises(ConfigurationError, match="test_images = 0"):
        metrics.evaluate(tiny("ae"), digits, seeded(), test_images=0)
