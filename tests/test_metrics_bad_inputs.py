"""What makes a wrong number or a riddle elsewhere is refused here, in one line."""

import math

import numpy as np
import pytest
import torch
from small_models import images, seeded, tiny

from vsclib import data, linear, metrics
from vsclib.errors import VsclibError
from vsclib.models import Code

VAE, VSC = tiny("vae"), tiny("vsc")
IMAGES = images(24)
CODE, GATED = metrics.codes(VAE, IMAGES), metrics.codes(VSC, IMAGES)
OTHER = metrics.codes(tiny("vae", latents=3), IMAGES)
BROKEN = Code(CODE.z * math.nan, CODE.active, CODE.mu, CODE.logvar)
NONE = Code(torch.zeros(0, 5), torch.zeros(0, 5, dtype=torch.bool), *2 * [torch.zeros(0, 5)])
UNEVEN = CODE._replace(active=CODE.active[:3])
Z, Y, V = np.random.default_rng(0).random((24, 5)), np.arange(24) % 3, np.eye(24, 4)
DIGITS = data.load("digits")
BYTES = DIGITS.train.images[:30]
META = tiny("vae").to("meta")

OF_A_CODE = {
    "usage": metrics.usage,
    "near_zero": metrics.near_zero,
    "dead_latents": metrics.dead_latents,
    "l0": metrics.l0,
    "moving_latents": metrics.moving_latents,
    "pseudo_inputs_used": metrics.pseudo_inputs_used,
    "coefficient_collapsed": metrics.coefficient_collapsed,
    "penalty": lambda code: metrics.penalty(VAE, code),
    "aggregate_sparsity": lambda code: metrics.aggregate_sparsity(VSC, code),
    "informative_latents": lambda code: metrics.informative_latents(VAE, code),
    "posterior_collapsed": lambda code: metrics.posterior_collapsed(VAE, code),
    "active_units": lambda code: metrics.active_units(VAE, code),
    "reconstruct": lambda code: metrics.reconstruct(VAE, code),
    "conditional_codes": lambda code: metrics.conditional_codes(VAE, code, 2, seeded()),
    "conditional_samples": lambda code: metrics.conditional_samples(VAE, code, 2, seeded()),
    "psnr_thresholded": lambda code: metrics.psnr_thresholded(VAE, IMAGES, 0.1, code),
    "elbo": lambda code: metrics.elbo(VAE, IMAGES, seeded(), code=code),
    "read_out": lambda code: metrics.read_out(code, 0.5),
}

OF_TWO_MATRICES = {
    "mig": metrics.mig,
    "mutual_information": metrics.mutual_information,
    "dci": metrics.dci,
    "absolute_correlation": metrics.absolute_correlation,
    "frechet_distance": metrics.frechet_distance,
    "trustworthiness": metrics.trustworthiness,
}

OF_LABELLED_CODES = {
    "linear_accuracy": lambda z, y: metrics.linear_accuracy(z, y, Z, Y),
    "linear_accuracy test": lambda z, y: metrics.linear_accuracy(Z, Y, z, y),
    "network_accuracy": lambda z, y: metrics.network_accuracy(z, y, Z, Y),
    "network_accuracy test": lambda z, y: metrics.network_accuracy(Z, Y, z, y),
    "accuracy_by_labels": lambda z, y: metrics.accuracy_by_labels(z, y, Z, Y, (9,)),
    "neighbour_agreement": metrics.neighbour_agreement,
    "tsne": lambda z, y: metrics.tsne(z, y, perplexity=3.0),
}

OF_TWO_SETS = {"psnr": metrics.psnr, "ssim": metrics.ssim, "fvu": metrics.fvu}

SINGLE = {
    "codes of nothing": lambda: metrics.codes(VAE, IMAGES[:0]),
    "codes of no bytes": lambda: metrics.codes(VAE, BYTES[:0]),
    "reconstruct nothing": lambda: metrics.reconstruct(VAE, BYTES[:0]),
    "codes elsewhere": lambda: metrics.codes(META, IMAGES, True, seeded()),
    "elbo elsewhere": lambda: metrics.elbo(META, IMAGES, seeded()),
    "importance elsewhere": lambda: metrics.importance_bound(META, IMAGES, seeded()),
    "conditional elsewhere": lambda: metrics.conditional_codes(META, CODE, 2, seeded()),
    "evaluate elsewhere": lambda: metrics.evaluate(META, DIGITS, seeded()),
    "elbo of nothing": lambda: metrics.elbo(VAE, IMAGES[:0], seeded()),
    "importance of nothing": lambda: metrics.importance_bound(VAE, IMAGES[:0], seeded()),
    "elbo of fewer codes": lambda: metrics.elbo(VAE, IMAGES[:5], seeded(), code=CODE),
    "psnr of 0..255 floats": lambda: metrics.psnr(255 * IMAGES, 255 * IMAGES.flip(0)),
    "psnr to 0..255 floats": lambda: metrics.psnr(IMAGES, 255 * IMAGES),
    "ssim of 0..255 floats": lambda: metrics.ssim(255 * IMAGES, 255 * IMAGES.flip(0)),
    "ssim of lines": lambda: metrics.ssim(torch.rand(3, 1, 1, 561), torch.rand(3, 1, 1, 561)),
    "window of lines": lambda: metrics.ssim_window((1, 1, 561)),
    "psnr of numbers": lambda: metrics.psnr(torch.tensor(0.5), torch.tensor(0.5)),
    "another word": lambda: metrics.evaluate(VAE, DIGITS, seeded(), measures="fast"),
    "no draws": lambda: metrics.evaluate(VAE, DIGITS, seeded(), samples=0),
    "no test images": lambda: metrics.evaluate(VAE, no_test(), seeded()),
    "no sigma": lambda: metrics.robustness(VAE, DIGITS, sigmas=()),
    "no form": lambda: metrics.robustness(VAE, DIGITS, clipped=()),
    "sigma NaN": lambda: metrics.robustness(VAE, DIGITS, sigmas=(math.nan,)),
    "robustness seed": lambda: metrics.robustness(VAE, DIGITS, seed=-1),
    "noise infinite": lambda: metrics.add_noise(IMAGES, math.inf, seeded()),
    "no counts": lambda: metrics.accuracy_by_labels(Z, Y, Z, Y, counts=()),
    "few counts": lambda: metrics.accuracy_by_labels(Z, Y, Z, Y, counts=(2,)),
    "many counts": lambda: metrics.accuracy_by_labels(Z, Y, Z, Y, counts=(25,)),
    "linear reads 5,000": lambda: metrics.accuracy_by_labels(
        np.eye(6000, 2), np.arange(6000) % 2, Z[:, :2], Y, (5500,), "linear"
    ),
    "few seeds": lambda: metrics.accuracy_by_labels(Z, Y, Z, Y, (9,), seed=-1),
    "net seed": lambda: metrics.Classifier(Z, Y, seed=-1),
    "net of other codes": lambda: metrics.Classifier(Z, Y).predict(Z[:, :2]),
    "mig of 1-D factors": lambda: metrics.mig(Z, Z[:, 0]),
    "dci seed": lambda: metrics.dci(Z, V, seed=-1),
    "dci trees": lambda: metrics.dci(Z, V, trees=0),
    "dci depth": lambda: metrics.dci(Z, V, depth=0),
    "dci bins": lambda: metrics.dci(Z, V, bins=1),
    "blocks NaN": lambda: metrics.blocks(np.full((3, 2), np.nan), [0, 1, 1]),
    "blocks of halves": lambda: metrics.blocks(np.ones((3, 2)), [0.5, 1.0, 1.0]),
    "floor of fewer": lambda: metrics.block_floor(V, [0, 1]),
    "tsne perplexity": lambda: metrics.tsne(Z, perplexity=math.nan),
    "tsne seed": lambda: metrics.tsne(Z, perplexity=3.0, seed=-1),
    "tsne neighbours": lambda: metrics.tsne(Z, Y, perplexity=3.0, neighbours=12),
    "moving threshold": lambda: metrics.moving_latents(CODE, math.nan),
    "informative threshold": lambda: metrics.informative_latents(VAE, CODE, -1.0),
    "nats": lambda: metrics.active_units(VAE, CODE, nats=-1.0),
    "components of NaN": lambda: metrics.largest_components(BROKEN.z[0], CODE.z[0]),
    "components of numbers": lambda: metrics.one_at_a_time(torch.tensor(0.0), torch.tensor(1.0)),
    "no steps": lambda: metrics.one_at_a_time(CODE.z[0], CODE.z[1], steps=0),
    "draw of more": lambda: metrics.stratified_sample(Y, 25),
    "pca of no latents": lambda: linear.pca(BYTES, 0),
    "pca of 2.5": lambda: linear.pca(BYTES, 2.5),
    "whole number as generator": lambda: metrics.codes(VAE, IMAGES, True, 3),
    "NumPy's generator": lambda: metrics.elbo(VAE, IMAGES, np.random.default_rng(0)),
    "evaluate on images": lambda: metrics.evaluate(VAE, IMAGES, seeded()),
    "usage of a tensor": lambda: metrics.usage(IMAGES),
    "accuracy of None": lambda: metrics.linear_accuracy(None, Y, Z, Y),
    "accuracy of no labels": lambda: metrics.linear_accuracy(Z, None, Z, Y),
    "one sigma": lambda: metrics.robustness(VAE, DIGITS, sigmas=0.5),
    "one count": lambda: metrics.accuracy_by_labels(Z, Y, Z, Y, counts=100),
    "pca of nothing": lambda: linear.pca(BYTES[:0], 1),
    "pca of one image": lambda: linear.pca(BYTES[:1], 1),
    "pca of many": lambda: linear.pca(BYTES, 31),
    "dictionary of nothing": lambda: linear.dictionary(BYTES[:0], latents=2),
    "baseline's other code": lambda: linear.pca(BYTES, 3).reconstruct(CODE),
    "baseline's other images": lambda: linear.pca(BYTES, 3).codes(np.zeros((2, 1, 4, 4), np.uint8)),
}


def no_test() -> data.DataSet:
    return DIGITS._replace(test=data.Split(BYTES[:0], DIGITS.test.labels[:0], None))


def refused(call, *arguments) -> str:
    with pytest.raises(VsclibError) as error:
        call(*arguments)
    message = str(error.value)
    assert "\n" not in message and ":" in message
    return message


@pytest.mark.parametrize("name", OF_A_CODE)
def test_measures_of_a_code_refuse_what_is_none(name):
    measure = OF_A_CODE[name]
    for code in (BROKEN, NONE, UNEVEN):
        refused(measure, code)


@pytest.mark.parametrize(
    "name",
    ["penalty", "informative_latents", "active_units", "reconstruct", "conditional_codes", "elbo"],
)
def test_another_models_code_is_refused(name):
    assert "3 latents" in refused(OF_A_CODE[name], OTHER)


@pytest.mark.parametrize("name", OF_TWO_MATRICES)
def test_measures_of_two_matrices_refuse_what_is_none(name):
    measure, broken = OF_TWO_MATRICES[name], np.where(Z > 0.9, np.nan, Z)
    for wrong in (Z[:0], Z[:, 0], broken, Z[:3, :2], Z[:, :0], np.array([["a", "b"]] * 24)):
        refused(measure, Z, wrong)
        refused(measure, wrong, Z)


@pytest.mark.parametrize("name", OF_LABELLED_CODES)
def test_readers_refuse_what_is_no_labelled_code(name):
    measure = OF_LABELLED_CODES[name]
    for codes, labels in ((Z[:0], Y[:0]), (Z, Y[:5]), (Z, Y[:, None]), (Z, Y / 2), (Z[:, 0], Y)):
        refused(measure, codes, labels)
    refused(measure, np.where(Z > 0.9, np.inf, Z), Y)


@pytest.mark.parametrize("name", OF_TWO_SETS)
def test_measures_of_two_sets_refuse_what_does_not_match(name):
    measure = OF_TWO_SETS[name]
    for wrong in (IMAGES[:3], IMAGES[:0], IMAGES[:, 0], IMAGES * math.nan, BYTES):
        refused(measure, IMAGES, wrong)
        refused(measure, wrong, IMAGES)
    refused(measure, IMAGES[:0], IMAGES[:0])


@pytest.mark.parametrize("name", SINGLE)
def test_a_bad_value_is_refused_in_one_line(name):
    refused(SINGLE[name])


def test_codes_of_a_diverged_model_are_refused():
    model = tiny("vae")
    with torch.no_grad():
        model.encoder.head.weight.fill_(math.nan)
    assert "diverged" in refused(metrics.codes, model, IMAGES)
    assert "diverged" in refused(metrics.evaluate, model, DIGITS, seeded())


def test_one_column_is_told_apart_from_nan():
    assert "array[:, None]" in refused(metrics.mig, Z, Z[:, 0])
    assert "check the model and the data for NaN" in refused(metrics.mig, Z * np.nan, Z)


def test_lines_are_evaluated_but_for_ssim():
    rng = np.random.default_rng(0)
    lines = data.from_array(
        rng.integers(0, 256, (60, 1, 1, 40), dtype=np.uint8), np.arange(60) % 3, name="lines"
    )
    model = tiny("vae", image_shape=(1, 1, 40))
    numbers, not_measured = metrics.evaluate(model, lines, seeded())
    assert set(not_measured) == {"ssim", "ssim_window"}
    assert "too small for SSIM" in not_measured["ssim"] and numbers["accuracy"] is not None
    rows = metrics.robustness(model, lines, sigmas=[0.1], clipped=[True])
    assert rows[0].ssim is None and 0.0 <= rows[0].accuracy <= 1.0


def test_real_values_are_measured_but_for_what_needs_a_peak():
    rng = np.random.default_rng(0)
    values = rng.normal(0.3, 1.0, (60, 4)) @ rng.normal(size=(4, 12))
    real = data.from_values(values, np.arange(60) % 3)
    shape = real.train.images.shape[1:]
    model = tiny("vsc", image_shape=shape, likelihood="gaussian_real", alpha=0.1)
    numbers, not_measured = metrics.evaluate(model, real, seeded())
    peak = {"psnr", "psnr_sampled", "psnr_thresholded_0.05", "psnr_thresholded_0.2", "low_psnr"}
    assert set(not_measured) == {*peak, "ssim", "ssim_window"}
    assert all("no peak" in not_measured[name] for name in peak)
    test, code = real.test.images, metrics.codes(model, real.test.images)
    rebuilt = metrics.reconstruct(model, code).numpy()
    error, spread = ((test - rebuilt) ** 2).sum(), ((test - test.mean(0)) ** 2).sum()
    assert numbers["fvu"] == pytest.approx(error / spread, rel=1e-4)
    assert numbers["elbo"] is not None and numbers["accuracy"] is not None
    rows = metrics.robustness(model, real, sigmas=(0.1,), clipped=(False,))
    assert rows[0].ssim is None and 0.0 <= rows[0].code_accuracy <= 1.0
    assert "clipped = False" in refused(metrics.robustness, model, real)


def test_real_values_within_the_range_of_pixels_have_no_peak_either():
    values = np.random.default_rng(0).random((6, 1, 8, 8)).astype(np.float32)
    for measure in (metrics.psnr, metrics.ssim):
        assert "FVU" in refused(measure, values, values)
