"""Noise: its size, its clipping, and a model for which the answers are known."""

import numpy as np
import pytest
import torch
from small_models import SHAPE, images, seeded, tiny

from vsclib import data, metrics
from vsclib.errors import ConfigurationError, DataError
from vsclib.models import Code
from vsclib.runs import Experiment


@pytest.fixture(scope="module")
def digits() -> data.DataSet:
    found = data.load("digits")
    half = found.train._replace(images=found.train.images[:400], labels=found.train.labels[:400])
    return found._replace(train=half)


def test_noise_has_its_standard_deviation_and_clipping_halves_it_on_black():
    black = torch.zeros(50, 1, 20, 20)
    free = metrics.add_noise(black, 0.3, seeded(), clipped=False)
    cut = metrics.add_noise(black, 0.3, seeded())
    assert free.std().item() == pytest.approx(0.3, rel=0.02) and abs(free.mean().item()) < 0.01
    assert torch.equal(cut, free.clamp(0, 1))
    assert (cut == 0).float().mean().item() == pytest.approx(0.5, abs=0.02)
    bytes_ = np.full((2, 1, 4, 4), 255, np.uint8)
    assert torch.equal(metrics.add_noise(bytes_, 0.0, seeded()), torch.ones(2, 1, 4, 4))
    with pytest.raises(ConfigurationError, match="sigma = -1"):
        metrics.add_noise(black, -1, seeded())


@pytest.mark.parametrize("name", ["vae", "vsc", "vsc_uai", "short_run"])
def test_pixels_outside_the_range_are_recognised_and_not_encoded(name):
    model, loud = tiny(name), 3.0 * images() - 1.0
    assert model.recognise(loud).z.isfinite().all()
    with pytest.raises(DataError, match="pixels from"):
        model.encode(loud)


def test_rows_of_the_table_are_what_the_single_measures_give(digits):
    model = tiny("vae")
    found = metrics.robustness(model, digits, sigmas=(0.0, 0.4), test_images=60)
    assert [(row.sigma, row.clipped) for row in found] == [
        (0.0, True),
        (0.4, True),
        (0.0, False),
        (0.4, False),
    ]
    drawn = metrics.stratified_sample(digits.test.labels, 60)
    x = data.to_tensor(digits.test.images[drawn])
    noisy = (x + 0.4 * torch.randn(x.shape, generator=seeded(0))).clamp(0, 1)
    denoised = metrics.reconstruct(model, noisy)
    assert found[1].ssim == pytest.approx(metrics.ssim(x, denoised), abs=1e-6)
    assert found[1].ssim_noisy == pytest.approx(metrics.ssim(x, noisy), abs=1e-6)
    assert found[1].ssim_printed == pytest.approx(metrics.ssim(noisy, denoised), abs=1e-6)
    assert found[0].ssim_noisy == pytest.approx(1.0) and found[0].ssim == pytest.approx(
        found[0].ssim_printed
    )
    assert found[0][2:] == found[2][2:]  # no noise, nothing to clip
    for image, level in ((denoised, found[1].psnr), (noisy, found[1].psnr_noisy)):
        errors = ((x - image).numpy() ** 2).reshape(60, -1).mean(1)
        assert level == pytest.approx(-10 * np.log10(errors).mean(), abs=1e-4)
    # Noise of 0.4 that is not clipped has a mean square of 0.16, over 64 pixels nearly so.
    assert found[3].psnr_noisy == pytest.approx(-10 * np.log10(0.16), abs=0.3)
    assert found[0].psnr_noisy == np.inf


def test_a_model_that_does_nothing_keeps_the_noise(digits, monkeypatch):
    # Its code is the image: what a denoiser has to beat, and what scores 1 on the paper's wording.
    model = tiny("ae", latents=64)
    monkeypatch.setattr(model, "recognise", lambda x: Code(x.flatten(1), x.flatten(1) > -9))
    monkeypatch.setattr(
        model, "decode", lambda z: type("Same", (), {"mean": z.unflatten(1, SHAPE)}), raising=False
    )
    found = metrics.robustness(model, digits, sigmas=(0.0, 0.5), test_images=300)
    for row in found:
        assert row.ssim == pytest.approx(row.ssim_noisy) and row.ssim_printed == pytest.approx(1.0)
        assert row.accuracy == row.code_accuracy == row.accuracy_noisy
        assert row.psnr == row.psnr_noisy
    quiet, clipped, _, free = found
    assert quiet.accuracy > 0.85 > clipped.accuracy + 0.1
    assert clipped.accuracy > free.accuracy - 0.05 and clipped.ssim > free.ssim


def test_a_record_s_rows_are_those_of_its_own_seed_and_fit_json(digits):
    model = tiny("vae")
    rows = metrics.under_noise(model, digits, (0.0, 0.4), test_images=60)
    seed = metrics.NOISE_SEED
    found = metrics.robustness(model, digits, (0.0, 0.4), test_images=60, seed=seed)
    same = [row._replace(psnr_noisy=None) if row.sigma == 0 else row for row in found]
    assert rows == [{"test_images": 60, **row._asdict()} for row in same]
    # No training draws by that seed.
    with pytest.raises(ConfigurationError, match=f"seed = {seed}"):
        Experiment.of(seed=seed)
    everything = metrics.under_noise(model, digits, (0.1,))
    assert [row["test_images"] for row in everything] == [len(digits.test.labels)] * 2


def test_robustness_needs_labels_and_images(digits):
    bare = digits._replace(test=digits.test._replace(labels=None))
    with pytest.raises(DataError, match="digits has no labels"):
        metrics.robustness(tiny("vae"), bare)
    with pytest.raises(ConfigurationError, match="test_images = 0"):
        metrics.robustness(tiny("vae"), digits, test_images=0)


@pytest.mark.slow
def test_a_classifier_fitted_before_and_fewer_images_for_ssim_change_nothing_else(digits):
    model = tiny("vae")
    flat = data.to_tensor(digits.train.images).flatten(1)
    fitted = metrics.Classifier(flat, digits.train.labels)
    whole = metrics.robustness(model, digits, sigmas=(0.4,), clipped=(True,), test_images=80)[0]
    given = metrics.robustness(
        model,
        digits,
        sigmas=(0.4,),
        clipped=(True,),
        test_images=80,
        of_images=fitted,
        ssim_images=30,
    )[0]
    fewer = metrics.robustness(model, digits, sigmas=(0.4,), clipped=(True,), test_images=30)[0]
    assert given[:4] == whole[:4] and given.ssim != whole.ssim
    assert given.ssim == pytest.approx(fewer.ssim, abs=0.02)
    drawn = metrics.stratified_sample(digits.test.labels, 80)
    clean = data.to_tensor(digits.test.images[drawn])
    noisy = metrics.add_noise(clean, 0.4, seeded(0))
    assert given.ssim_noisy == pytest.approx(metrics.ssim(clean[:30], noisy[:30]), abs=1e-6)

    class Nine(metrics.Classifier):
        def predict(self, codes):
            return np.full(len(codes), 9)

    of_nines = metrics.robustness(
        model, digits, (0.4,), (True,), 80, of_images=Nine(flat, digits.train.labels)
    )[0]
    assert of_nines.accuracy == (digits.test.labels[drawn] == 9).mean()
    with pytest.raises(ConfigurationError, match="ssim_images = 0"):
        metrics.robustness(model, digits, ssim_images=0)
