"""The mixture prior: its weights, the bound that they give, and what is left of the selector when
it is gone.
"""

import math

import pytest
import torch
from small_models import SHAPE, images, loss, seeded, tiny
from test_vsc_uai import each_kl

import vsclib
from vsclib import data, metrics
from vsclib.errors import ConfigurationError
from vsclib.models import TrainingStep
from vsclib.spike_slab import learned_prior


def mixture(**options):
    """A small model whose pseudo-inputs and codes differ."""
    return tiny("vsc_mixture", **{"pseudo_inputs": 4, "gamma_bias": 0.0} | options)


def parts(code):
    return code.gamma, code.mu, code.logvar


def divergences(model, x):
    """KL of every image's code to every pseudo-input's, (B, K)."""
    return learned_prior.kl_to_each(parts(model.encode(x)), parts(model.prior()))


def test_kl_to_each_is_the_sum_over_latents_of_the_kl_to_each():
    model = mixture().double()
    code, prior = model.recognise(images().double()), model.prior()
    found = learned_prior.kl_to_each(parts(code), parts(prior))
    torch.testing.assert_close(found, sum(each_kl(code, prior)).sum(2), rtol=1e-10, atol=1e-10)
    assert found.min() > 0


def test_multiplied_out_squares_keep_their_digits_where_slabs_are_narrow_and_far_apart():
    """In float32, to 1e-5 of the largest term: means of 5, standard deviations of 0.05, 200
    latents.
    """
    shape = {"generator": seeded(1)}
    gamma, mu, logvar = (
        torch.rand(8, 200, **shape),
        5 * torch.randn(8, 200, **shape),
        torch.full((8, 200), -6.0),
    )
    q, priors = (
        (gamma.clamp(0.01, 0.99), mu, logvar),
        (gamma[:3].clamp(0.01, 0.99), mu[:3], logvar[:3]),
    )
    exact = learned_prior.kl_to_each(
        *(tuple(part.double() for part in side) for side in (q, priors))
    )
    scale = 0.5 * 200 * 25 * math.exp(6)
    assert (learned_prior.kl_to_each(q, priors) - exact).abs().max() < 1e-5 * scale


def test_no_weights_cost_less_than_the_responsibilities():
    costs = divergences(mixture(), images())

    def price(weights):
        return (weights * costs).sum(1) + learned_prior.choice_cost(weights)

    best = price(learned_prior.responsibilities(costs))
    torch.testing.assert_close(best, -(-costs).logsumexp(1) + math.log(4), rtol=1e-5, atol=1e-5)
    for _ in range(200):
        others = torch.rand(costs.shape, generator=seeded(_)).pow(3)
        assert (price(others / others.sum(1, keepdim=True)) >= best - 1e-5).all()
    assert (best <= costs.min(1).values + math.log(4) + 1e-5).all()


def test_choice_costs_nothing_among_equals_and_log_k_when_decided():
    assert learned_prior.choice_cost(torch.full((1, 5), 0.2)).item() == pytest.approx(0, abs=1e-6)
    assert learned_prior.choice_cost(torch.eye(5)).tolist() == pytest.approx([math.log(5)] * 5)


def test_weights_that_underflow_leave_a_gradient():
    """At a KL of 300 nats a weight is zero in float32; what is charged is the least KL and log K,
    its slope that of the least.
    """
    costs = torch.tensor([[1.0, 300.0, 500.0]], requires_grad=True)
    weights = learned_prior.responsibilities(costs)
    assert weights[0, 1] == 0
    price = (weights * costs).sum() + learned_prior.choice_cost(weights).sum()
    assert price.item() == pytest.approx(1 + math.log(3))
    (slope,) = torch.autograd.grad(price, costs)
    assert slope[0].tolist() == pytest.approx([1, 0, 0], abs=1e-6)


def test_what_training_charges_bounds_the_kl_to_the_mixture_from_above():
    """Against 40,000 draws, for an image between pseudo-inputs: the bound holds, and misses by less
    than log K.
    """
    model, x = mixture(gamma_bias=-1.0), images(1).expand(40_000, *SHAPE)
    ratio = model.log_ratio(model.sample_code(x, seeded())).double().detach()
    charged = sum(part.item() for part in model.costs(model.encode(x[:1]), 0)[0].values())
    error = 4 * ratio.std().item() / math.sqrt(40_000)
    assert ratio.mean().item() - error < charged < ratio.mean().item() + math.log(4) + error


def test_one_pseudo_input_is_the_selector_model_with_one():
    one, other = mixture(pseudo_inputs=1), tiny("vsc_uai", pseudo_inputs=1, gamma_bias=0.0)
    other.load_state_dict(
        one.state_dict() | {name: v for name, v in other.state_dict().items() if "selector" in name}
    )
    found, wanted = loss(one), loss(other)
    assert found.total.item() == pytest.approx(wanted.total.item(), rel=1e-5)
    assert found.terms["choice"].item() == 0


def test_terms_are_the_bound_and_the_sparsity_term():
    model = mixture()
    found = loss(model)
    assert set(found.terms) == {"reconstruction", "kl_slab", "kl_spike", "choice", "sparsity"}
    bound = found.terms["kl_slab"] + found.terms["kl_spike"] + found.terms["choice"]
    closed = -(-divergences(model, images())).logsumexp(1).mean() + math.log(4)
    assert bound.item() == pytest.approx(closed.item(), rel=1e-5)


def test_gradient_of_the_loss_is_that_of_finite_differences():
    model = mixture(gate="relaxed", slope_start=3.0, slope_end=3.0).double()
    model.draw_slab = lambda code, generator: code.mu + (0.5 * code.logvar).exp() * 0.3
    fixed = torch.rand(6, 5, generator=seeded(5), dtype=torch.float64)
    model.draw_noise = lambda code, generator: fixed
    x = images().double()
    for name, weight in model.named_parameters():
        (gradient,) = torch.autograd.grad(model.objective(TrainingStep(x, seeded())).total, weight)
        direction = torch.randn(weight.shape, generator=seeded(8), dtype=torch.float64)
        start, step = weight.data.clone(), 1e-5
        ends = []
        for sign in (1, -1):
            weight.data = start + sign * step * direction
            ends.append(model.objective(TrainingStep(x, seeded())).total.item())
        weight.data = start
        along = (gradient * direction).sum().item()
        assert along == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-6), name
        assert along != 0, name


def test_a_step_encodes_the_pseudo_inputs_once():
    model, once = mixture(), []
    encoded = model.prior
    model.prior = lambda number=None: (once.append(1), encoded(number))[1]
    loss(model)
    assert len(once) == 1


@pytest.mark.trains
@pytest.mark.slow
def test_trains_on_digits_and_says_how_many_pseudo_inputs_it_uses():
    """Over three seeds and sets of instructions the loss falls to .60 of its start."""
    digits = data.load("digits")
    model = tiny("vsc_mixture", latents=16, hidden=32, pseudo_inputs=10, alpha=0.2)
    history = vsclib.fit(model, digits, steps=300, learning_rate=3e-3, progress=False)
    assert history.terms["total"][-1] < 0.85 * history.terms["total"][0]
    record = metrics.evaluate(model, digits, seeded()).numbers
    # The choice costs log K at most; draws stand for the one and not for the other, which moves
    # both by less than 0.1.
    assert record["elbo_paid"] > record["elbo"] - math.log(10) - 0.1
    assert 1 <= record["pseudo_inputs_used"] <= 10
    assert record["on_per_image"] > 0


def test_it_has_no_selector():
    assert not hasattr(mixture(), "selector")
    with pytest.raises(ConfigurationError, match="no option 'selector'"):
        mixture(selector="soft")
