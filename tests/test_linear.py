"""Linear baselines: PCA against the eigenvalues of the covariance, sparse coding against its own
conditions and known atoms.
"""

import numpy as np
import pytest
import torch

from vsclib import data, figures, linear, metrics
from vsclib.errors import ConfigurationError, DataError


@pytest.fixture(scope="module")
def digits() -> data.DataSet:
    return data.load("digits")


def rows(images: np.ndarray) -> np.ndarray:
    return data.to_tensor(images).flatten(1).double().numpy()


def test_error_of_pca_is_what_the_eigenvalues_leave(digits):
    x = rows(digits.train.images)
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    for latents in (1, 10, 40):
        model = linear.pca(digits.train.images, latents)
        code = model.codes(digits.train.images)
        rebuilt = code.z.double().numpy() @ model.atoms + model.mean
        assert np.square(x - rebuilt).sum(1).mean() == pytest.approx(
            values[latents:].sum(), rel=1e-4
        )
        np.testing.assert_allclose(
            np.cov(code.z.double().numpy().T, bias=True), np.diag(values[:latents]), atol=1e-4
        )
        assert code.active.all() and code.z.dtype == torch.float32


def test_pca_with_all_components_gives_the_images_back(digits):
    model = linear.pca(digits.train.images, 64)
    assert (
        model.reconstruct(digits.test.images) - data.to_tensor(digits.test.images)
    ).abs().max() < 1e-5


def test_penalised_codes_meet_the_conditions_of_the_minimum(digits):
    """Where a latent is on, the atom's product with the residual is the penalty with the latent's
    sign; elsewhere less.
    """
    model = linear.dictionary(digits.train.images, latents=80, penalty=0.3, passes=2)
    x = rows(digits.test.images[:50]) - model.mean
    z = model.codes(digits.test.images[:50]).z.double().numpy()
    products = (x - z @ model.atoms) @ model.atoms.T
    assert 0.02 < (z != 0).mean() < 0.5
    np.testing.assert_allclose(products[z != 0], 0.3 * np.sign(z[z != 0]), atol=5e-3)
    assert np.abs(products[z == 0]).max() < 0.305
    assert np.linalg.norm(model.atoms, axis=1).max() < 1 + 1e-6


def test_a_stronger_penalty_leaves_fewer_on(digits):
    found = []
    for penalty in (0.1, 0.5):
        model = linear.dictionary(digits.train.images, latents=40, penalty=penalty, passes=1)
        code = model.codes(digits.test.images[:60])
        found.append(
            (metrics.l0(code), metrics.psnr(digits.test.images[:60], model.reconstruct(code)))
        )
    (many, near), (few, far) = found
    assert few < many and far < near


@pytest.mark.slow
def test_known_atoms_are_found_again():
    """Grey images with two of eight bars, brighter or darker: the dictionary finds the bars."""
    rng = np.random.default_rng(0)
    bars = np.zeros((8, 8, 8))
    for j in range(4):
        bars[j, 2 * j : 2 * j + 2], bars[4 + j, :, 2 * j : 2 * j + 2] = 1, 1
    weights = (
        rng.choice([-1, 1], (1500, 8))
        * rng.uniform(20, 60, (1500, 8))
        * (rng.random((1500, 8)).argsort(1) < 2)
    )
    images = (128 + weights @ bars.reshape(8, 64)).round().astype(np.uint8).reshape(-1, 1, 8, 8)
    model = linear.dictionary(images, latents=8, penalty=0.2, passes=60, seed=1)
    directions = bars.reshape(8, 64) / np.linalg.norm(bars.reshape(8, 64), axis=1, keepdims=True)
    assert np.abs(directions @ model.atoms.T).max(1).min() > 0.9


def test_pursuit_has_at_most_so_many_on(digits):
    model = linear.dictionary(digits.train.images, latents=60, penalty=0.5, on=4, passes=1)
    code = model.codes(digits.test.images)
    assert torch.equal(code.active, code.z != 0) and code.active.sum(1).max() == 4
    x, z = rows(digits.test.images) - model.mean, code.z.double().numpy()
    # At the minimum over the chosen atoms the residual is orthogonal to them.
    products = (x - z @ model.atoms) @ model.atoms.T
    assert np.abs(products[z != 0]).max() < 1e-4


def test_codes_and_images_suit_measures_and_figures(digits):
    for model in (
        linear.pca(digits.train.images, 10),
        linear.dictionary(digits.train.images, latents=30, penalty=0.5, passes=1),
    ):
        code = model.codes(digits.test.images)
        rebuilt = model.reconstruct(code)
        assert torch.equal(rebuilt, model.reconstruct(digits.test.images))
        assert (
            rebuilt.shape == digits.test.images.shape and 0 <= rebuilt.min() and rebuilt.max() <= 1
        )
        assert metrics.psnr(digits.test.images, rebuilt) > 10
        train = model.codes(digits.train.images)
        assert (
            metrics.linear_accuracy(train.z, digits.train.labels, code.z, digits.test.labels) > 0.8
        )
        figures.reconstructions(digits.test.images[:4], rebuilt[:4])


@pytest.mark.slow
def test_the_seed_decides_everything(digits):
    one, two, other = (
        linear.dictionary(digits.train.images[:300], latents=10, passes=1, seed=seed).atoms
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, two) and not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latents": 0}, "dictionary: latents = 0 is not allowed: choose latents >= 1"),
        ({"penalty": 0.0}, "dictionary: penalty = 0.0 is not allowed: choose penalty > 0"),
        ({"on": 9, "latents": 5}, "dictionary: on = 9 exceeds latents = 5: choose 1 <= on <= 5"),
        ({"atoms": 5}, "dictionary has no option 'atoms'"),
    ],
)
def test_bad_options_are_refused_in_one_line(digits, options, message):
    with pytest.raises(ConfigurationError) as caught:
        linear.dictionary(digits.train.images, **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_what_cannot_be_is_refused(digits):
    for latents in (0, 65):
        with pytest.raises(
            ConfigurationError,
            match=rf"^latents = {latents} is not allowed: choose 1 <= latents <= 64$",
        ):
            linear.pca(digits.train.images, latents)
    with pytest.raises(DataError):
        linear.pca(digits.train.images / 255.0)
    with pytest.raises(DataError, match="image_shape"):
        linear.pca(digits.train.images, 3).codes(torch.rand(2, 1, 9, 8))


def test_real_values_come_back_unclipped():
    rng = np.random.default_rng(0)
    values = rng.normal(0.0, 5.0, (40, 1, 1, 6)).astype(np.float32)
    model = linear.pca(values, 6)
    assert (model.reconstruct(values) - torch.from_numpy(values)).abs().max() < 1e-4
    sparse = linear.dictionary(values, latents=8, penalty=0.01, passes=30)
    assert metrics.fvu(values, sparse.reconstruct(values)) < 0.05
    with pytest.raises(DataError, match="pixels from"):
        linear.pca(rng.integers(0, 255, values.shape, np.uint8), 3).codes(torch.from_numpy(values))
