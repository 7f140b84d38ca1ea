"""The beta-TCVAE: the parts of the KL against the exact aggregate posterior of a small set, by
torch.distributions.
"""

import itertools
import math

import pytest
import torch
from small_models import SHAPE, images, loss, seeded, tiny
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

import vsclib
from vsclib import data, metrics
from vsclib.errors import ConfigurationError
from vsclib.spike_slab import log_shares, split_kl

N, J = 7, 3


def posteriors() -> tuple[torch.Tensor, torch.Tensor]:
    """Means and log-variances of seven correlated, well separated codes."""
    mu = 1.5 * torch.randn(N, J, generator=seeded(1), dtype=torch.float64)
    mu[:, 1] = 0.8 * mu[:, 0] + 0.3 * mu[:, 1]
    return mu, torch.randn(N, J, generator=seeded(2), dtype=torch.float64) - 1


def aggregate() -> tuple[MixtureSameFamily, MixtureSameFamily]:
    """q(z), and its J marginals."""
    mu, logvar = posteriors()
    sigma = (0.5 * logvar).exp()
    joint = MixtureSameFamily(Categorical(torch.ones(N)), Independent(Normal(mu, sigma), 1))
    return joint, MixtureSameFamily(Categorical(torch.ones(J, N)), Normal(mu.T, sigma.T))


def draws(seed: int = 3) -> torch.Tensor:
    mu, logvar = posteriors()
    return mu + (0.5 * logvar).exp() * torch.randn(
        N, J, generator=seeded(seed), dtype=torch.float64
    )


def test_parts_of_a_whole_set_are_those_of_the_exact_aggregate_posterior():
    mu, logvar = posteriors()
    z = draws()
    joint, marginals = aggregate()
    each = marginals.log_prob(z).sum(1)
    prior = Normal(0.0, 1.0).log_prob(z).sum(1)
    whole = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(1)
    found = split_kl(z, mu, logvar, N)
    torch.testing.assert_close(found.total_correlation, joint.log_prob(z) - each)
    torch.testing.assert_close(found.dimension_kl, each - prior)
    torch.testing.assert_close(found.index_code_mi, whole - joint.log_prob(z) + prior)


def test_parts_are_divergences_in_the_mean():
    """Many draws of the exact mixture: its KLs are positive, the information is at most log N."""
    mu, logvar = posteriors()
    found = torch.stack(
        [torch.stack(split_kl(draws(s), mu, logvar, N)).mean(1) for s in range(400)]
    )
    mean, error = found.mean(0), found.std(0) / math.sqrt(400)
    joint, marginals = aggregate()
    torch.manual_seed(0)
    z = joint.sample((100_000,))
    total_correlation = joint.log_prob(z) - marginals.log_prob(z).sum(1)
    dimension = marginals.log_prob(z).sum(1) - Normal(0.0, 1.0).log_prob(z).sum(1)
    for place, expected in ((1, total_correlation), (2, dimension)):
        assert abs(mean[place] - expected.mean()) < 4 * (
            error[place] + expected.std() / math.sqrt(100_000)
        )
    assert mean[1] > 0.3 and mean[2] > 0 and 0 < mean[0] < math.log(N) + 4 * error[0]


def batches_with(i: int, size: int):
    """Every batch of a size that holds image i, which stands first."""
    for others in itertools.combinations([n for n in range(N) if n != i], size - 1):
        yield [i, *others]


@pytest.mark.parametrize("size", [2, 4, 7])
def test_stratified_batches_are_unbiased(size):
    """The estimated density, averaged over all batches that hold an image, is the aggregate
    posterior's; so is each marginal.
    """
    mu, logvar = posteriors()
    z = draws()
    joint, marginals = aggregate()
    for i in range(N):
        q, single = [], []
        for batch in batches_with(i, size):
            each = Normal(mu[batch], (0.5 * logvar[batch]).exp()).log_prob(z[i])  # (B, J)
            shares = log_shares(size, N, "stratified")[0].exp()
            q.append(shares.double() @ each.sum(1).exp())
            single.append(shares.double() @ each.exp())
        torch.testing.assert_close(
            torch.stack(q).mean(), joint.log_prob(z[i]).exp(), rtol=1e-5, atol=0
        )
        torch.testing.assert_close(
            torch.stack(single).mean(0), marginals.log_prob(z[i]).exp(), rtol=1e-5, atol=0
        )


def test_stratified_shares_are_the_average_of_those_printed():
    """The paper: 1/N for the image, 1/M for M - 1 others and (N - M)/(N M) for the last, where the
    batch holds M + 1 images.
    """
    m, n = 4, 50
    printed = [
        [1 / n, *((n - m) / (n * m) if place == last else 1 / m for place in range(m))]
        for last in range(m)
    ]
    average = torch.tensor(printed).mean(0)
    torch.testing.assert_close(log_shares(m + 1, n, "stratified")[0].exp(), average)
    assert log_shares(m + 1, n, "stratified").exp().sum(1).tolist() == pytest.approx(
        [1.0] * (m + 1)
    )


def test_minibatch_weight_is_a_lower_bound_in_the_mean():
    mu, logvar = posteriors()
    z = draws()
    joint, _ = aggregate()
    for i in range(N):
        found = []
        for batch in itertools.product(range(N), repeat=2):
            picked = [i, *batch]
            each = Normal(mu[picked], (0.5 * logvar[picked]).exp()).log_prob(z[i]).sum(1)
            found.append((log_shares(3, N, "weighted")[0] + each).logsumexp(0))
        assert torch.stack(found).mean() <= joint.log_prob(z[i])


@pytest.mark.parametrize("estimator", ["stratified", "weighted"])
def test_a_share_counts_once_in_the_joint_whatever_the_number_of_latents(estimator):
    """Codes of one another's kind: q(z|x) is the same for all images, so log q(z) = log q(z|x) +
    log of the shares' sum.
    """
    for latents in (1, 2, 10):
        z = torch.randn(4, latents, generator=seeded(5))
        mu = logvar = torch.zeros(4, latents)
        found = split_kl(z, mu, logvar, 60, estimator)
        lost = 0.0 if estimator == "stratified" else math.log(60)
        # Counted once for each latent, the first line would read (latents - 1) * lost less: no
        # correlation at all.
        torch.testing.assert_close(
            found.total_correlation, torch.full((4,), (latents - 1) * lost), rtol=1e-4, atol=1e-4
        )
        torch.testing.assert_close(
            found.dimension_kl, torch.full((4,), -latents * lost), rtol=1e-4, atol=1e-4
        )
        torch.testing.assert_close(
            found.index_code_mi, torch.full((4,), lost), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("estimator", ["stratified", "weighted"])
def test_parts_sum_to_the_kl(estimator):
    mu, logvar = posteriors()
    whole = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(
        torch.stack(split_kl(draws(), mu, logvar, 900, estimator)).sum(0), whole
    )


def plainly(
    z: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor, shares: torch.Tensor
) -> torch.Tensor:
    """The parts (3, B) by the definition, all pairs and latents at once, differentiated
    automatically.
    """
    each = Normal(mu, (0.5 * logvar).exp()).log_prob(z.unsqueeze(1))  # (B, B, J)
    joint = (shares + each.sum(2)).logsumexp(1)
    marginals = (shares.unsqueeze(2) + each).logsumexp(1).sum(1)
    prior = Normal(0.0, 1.0).log_prob(z).sum(1)
    whole = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(1)
    return torch.stack((whole - joint + prior, joint - marginals, marginals - prior))


CODES = {  # spread of the means, log-variance
    "usual": (1.0, -2.0),
    "like the prior": (0.01, 0.0),
    "narrow": (1.0, -12.0),
    "narrow and far apart": (30.0, -12.0),
    "wide": (1.0, 4.0),
}


@pytest.mark.parametrize("estimator", ["stratified", "weighted"])
@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_parts_and_gradients_are_those_of_the_definition(precision, codes, estimator):
    """By numbers in double precision: 60 images and 130 latents, more than are computed at once.

    In single precision the values may differ by 1e-4 nats plus 1e-6 of the largest, the gradients
    by 1e-4 of the largest.
    """
    spread, logvar = CODES[codes]
    noise = torch.randn(3, 60, 130, generator=seeded(8), dtype=precision)
    logvar = logvar + 0.5 * noise[1]
    mu = spread * noise[0]
    given = [mu + (0.5 * logvar).exp() * noise[2], mu, logvar]  # the same numbers for both
    weights = torch.randn(3, 60, generator=seeded(9), dtype=torch.float64)
    shares = log_shares(60, 900, estimator).double()
    numbers = [x.clone().requires_grad_() for x in given]
    exact = [x.double().requires_grad_() for x in given]
    found, expected = torch.stack(split_kl(*numbers, 900, estimator)), plainly(*exact, shares)
    tolerance = 1.0 if precision == torch.float32 else 1e-7
    assert (found - expected).abs().max() < tolerance * (1e-4 + 1e-6 * expected.abs().max())
    gradients = torch.autograd.grad((weights * found).sum(), numbers)
    for one, other in zip(
        gradients, torch.autograd.grad((weights * expected).sum(), exact), strict=True
    ):
        assert (one - other).abs().max() < tolerance * 1e-4 * other.abs().max()


# ---------------------------------------------------------------------------------------- the model


@pytest.mark.parametrize("estimator", ["stratified", "weighted"])
def test_beta_of_one_is_the_vae(estimator):
    vae, model = tiny("vae"), tiny("beta_tcvae", beta=1.0, estimator=estimator)
    model.prepare(torch.zeros(500, *SHAPE, dtype=torch.uint8), seeded())
    one, other = loss(vae), loss(model)
    assert sorted(other.terms) == [
        "dimension_kl",
        "index_code_mi",
        "reconstruction",
        "total_correlation",
    ]
    torch.testing.assert_close(one.total, other.total, rtol=1e-5, atol=1e-4)
    gradients = (
        torch.autograd.grad(found.total, made.parameters())
        for found, made in ((one, vae), (other, model))
    )
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_beta_weighs_the_total_correlation_alone():
    one, six = loss(tiny("beta_tcvae", beta=1.0)), loss(tiny("beta_tcvae"))
    for name in ("reconstruction", "index_code_mi", "dimension_kl"):
        assert torch.equal(one.terms[name], six.terms[name])
    assert six.terms["total_correlation"].item() == pytest.approx(
        6 * one.terms["total_correlation"].item(), rel=1e-5
    )
    assert abs(one.terms["total_correlation"].item()) > 0.01


def test_whole_kl_warms_up_to_one():
    slow, plain = tiny("beta_tcvae", kl_warm_up=10), tiny("beta_tcvae")
    for step, share in ((0, 0.0), (5, 0.5), (10, 1.0), (11, 1.0)):
        for term in ("index_code_mi", "total_correlation", "dimension_kl"):
            assert loss(slow, step).terms[term].item() == pytest.approx(
                share * loss(plain).terms[term].item(), rel=1e-5
            )


def test_reported_bound_is_likelihood_minus_kl():
    vae, model, x = tiny("vae"), tiny("beta_tcvae"), images(20)
    assert metrics.elbo(model, x, seeded()) == metrics.elbo(vae, x, seeded())


def test_fit_tells_how_many_images_there_are():
    digits = data.load("digits")
    model = tiny("beta_tcvae")
    vsclib.fit(model, digits, steps=1, batch_size=50, progress=False)
    assert model.images == len(digits.train.images)


@pytest.mark.trains
@pytest.mark.slow
def test_training_lowers_the_total_correlation():
    """On codes of equal quality of fit the VAE's latents depend on one another more; measured on
    one large batch. Over three seeds and sets of instructions it is .17 to .26 of the VAE's.
    """
    digits, found = data.load("digits"), {}
    x = data.to_tensor(digits.train.images)
    for name in ("vae", "beta_tcvae"):
        model = vsclib.models.create(name, image_shape=SHAPE, latents=6, hidden=64)
        vsclib.fit(model, digits, steps=400, batch_size=100, learning_rate=3e-3, progress=False)
        code = model.sample_code(x, seeded())
        found[name] = split_kl(code.z, code.mu, code.logvar, len(x)).total_correlation.mean().item()
    assert 0 <= found["beta_tcvae"] < 0.7 * found["vae"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"estimator": "exact"},
            "estimator = 'exact' is not allowed: choose one of 'stratified', 'weighted'",
        ),
        ({"beta": -1.0}, "beta = -1.0 is not allowed: choose beta >= 0"),
        ({"estimater": "weighted"}, "no option 'estimater': did you mean 'estimator'?"),
    ],
)
def test_bad_options_are_refused_in_one_line(options, message):
    with pytest.raises(ConfigurationError) as caught:
        tiny("beta_tcvae", **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_batch_of_one_is_refused_in_one_line():
    with pytest.raises(
        ConfigurationError,
        match=r"^batch_size = 1 of 40 images gives .*: choose 2 <= batch_size <= 40$",
    ):
        vsclib.fit(
            tiny("beta_tcvae"),
            data.load("digits").train.images[:40],
            steps=1,
            batch_size=1,
            progress=False,
        )
    with pytest.raises(ConfigurationError, match="batch_size = 9 of 8 images"):
        log_shares(9, 8, "weighted")
