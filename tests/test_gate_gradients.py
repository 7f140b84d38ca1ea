"""Mean and variance of what hard gates pass back, over every outcome, against the exact gradient
f(1) - f(0) of the mean of f(w) in gamma.
"""

import math

import pytest
import torch
from scipy.special import expit
from small_models import loss, seeded, tiny

from vsclib import data, fit, spike_slab
from vsclib.errors import ConfigurationError
from vsclib.spike_slab import gates

RATES = [0.02, 0.3, 0.5, 0.9]
FUNCTIONS = {
    "quadratic": lambda w: 1.7 * w.square() - 0.4 * w + 3.0,
    "exponential": lambda w: (2.0 * w).exp(),
}


def passed_back(gate, f, gamma, **options):
    """What each outcome, off and on, passes back to gamma, and the outcomes' probabilities."""
    # Noise below 1 - gamma switches off.
    noise = torch.tensor([0.0, 1.0 - 1e-9], dtype=torch.float64)
    gammas = torch.full((2,), gamma, dtype=torch.float64, requires_grad=True)
    drawn = gates.training_gate(gate, noise, gammas, 1.0, options.get("temperature", 1.0))
    assert drawn.tolist() == [0.0, 1.0], "hard forward"
    (gradient,) = torch.autograd.grad(f(drawn).sum(), gammas)
    return gradient, torch.tensor([1.0 - gamma, gamma], dtype=torch.float64)


def exact(f):
    zero, one = torch.tensor(0.0), torch.tensor(1.0)
    return (f(one) - f(zero)).item()


@pytest.mark.parametrize("gamma", RATES)
def test_reinmax_is_exact_on_average_where_the_function_is_quadratic(gamma):
    f = FUNCTIONS["quadratic"]
    found, share = passed_back("reinmax", f, gamma)
    assert (share * found).sum().item() == pytest.approx(exact(f), rel=1e-6)
    assert found.tolist() == pytest.approx([-0.4 * 0.5 / (1 - gamma), 3.0 * 0.5 / gamma], rel=1e-6)


@pytest.mark.parametrize("gamma", [0.02, 0.3, 0.9])
def test_a_straight_through_gradient_of_one_is_not(gamma):
    f = FUNCTIONS["quadratic"]
    mean = gamma * 3.0 + (1 - gamma) * -0.4  # f'(1) and f'(0) by their probabilities
    assert abs(mean - exact(f)) > 0.5
    slopes, _ = passed_back("reinmax", f, gamma)
    assert slopes[1] / slopes[0] == pytest.approx(-7.5 * (1 - gamma) / gamma)


@pytest.mark.parametrize("gamma", RATES)
def test_reinmax_is_the_trapezoidal_rule_where_it_is_not(gamma):
    f = FUNCTIONS["exponential"]
    found, share = passed_back("reinmax", f, gamma)
    assert (share * found).sum().item() == pytest.approx(1.0 + math.exp(2.0))
    assert abs((share * found).sum().item() - exact(f)) > 1.0


@pytest.mark.parametrize("gamma", RATES)
def test_reinmax_is_the_printed_form_of_two_categories(gamma):
    """Liu et al.'s algorithm, written for a softmax of two logits."""
    logits = torch.tensor([math.log(gamma / (1 - gamma)), 0.0], dtype=torch.float64)
    for outcome in (0, 1):
        hot = torch.tensor([float(outcome), 1.0 - outcome], dtype=torch.float64)
        leaf = logits.clone().requires_grad_()
        start = leaf.softmax(0)
        middle = (0.5 * (hot + start)).detach()
        shifted = ((middle.log() - leaf).detach() + leaf).softmax(0)
        (wanted,) = torch.autograd.grad((2.0 * shifted - 0.5 * start)[0], leaf)
        one = logits[0].clone().requires_grad_()
        noise = torch.tensor(1.0 - 1e-9 if outcome else 0.0, dtype=torch.float64)
        (found,) = torch.autograd.grad(spike_slab.reinmax_gate(noise, one.sigmoid()), one)
        assert found.item() == pytest.approx(wanted[0].item(), rel=1e-9)


@pytest.mark.parametrize("temperature", [0.3, 1.0])
@pytest.mark.parametrize("gamma", RATES)
def test_a_gapped_gate_is_the_printed_form_of_two_categories(gamma, temperature):
    """Fan et al.: the drawn logit is raised to the largest, others fall a gap below."""
    logits = torch.tensor([math.log(gamma / (1 - gamma)), 0.0], dtype=torch.float64)
    for outcome in (0, 1):
        hot = torch.tensor([float(outcome), 1.0 - outcome], dtype=torch.float64)
        leaf = logits.clone().requires_grad_()
        raised = (logits.max() - logits) * hot
        lowered = (logits + 1.0 - logits.max()).clamp(min=0.0) * (1.0 - hot)
        soft = ((leaf + raised - lowered) / temperature).softmax(0)
        (wanted,) = torch.autograd.grad(soft[0], leaf)
        one = logits[0].clone().requires_grad_()
        noise = torch.tensor(1.0 - 1e-9 if outcome else 0.0, dtype=torch.float64)
        gate = spike_slab.gapped_straight_through_gate(noise, one, temperature, 1.0)
        (found,) = torch.autograd.grad(gate, one)
        assert found.item() == pytest.approx(wanted[0].item(), rel=1e-9)


def test_the_mean_and_variance_of_the_gapped_gradient_are_those_of_its_two_values():
    """It has a bias that enumeration shows, and no variance beyond that of the outcome: for a
    linear function at gamma = 1/2 it has none, the straight-through concrete gate has some.
    """
    f = torch.ones_like
    for gamma in RATES:
        found, _ = passed_back("gapped_straight_through", lambda w: 2.0 * w, gamma)
        logit = math.log(gamma / (1 - gamma))
        ends = [expit(min(logit, -1.0)), expit(max(logit, 1.0))]
        wanted = [2.0 * s * (1 - s) / (gamma * (1 - gamma)) for s in ends]
        assert found.tolist() == pytest.approx(wanted)
    found, _ = passed_back("gapped_straight_through", lambda w: 2.0 * w, 0.5)
    assert found[0].item() == pytest.approx(found[1].item())
    assert abs(found[0].item() - 2.0) > 0.3, "biased even for a line"
    noise = torch.rand(20_000, generator=seeded(), dtype=torch.float64)
    logit = torch.zeros(20_000, dtype=torch.float64, requires_grad=True)
    soft = spike_slab.concrete_gate(noise, logit, 1.0)
    assert torch.autograd.grad(soft, logit, f(soft))[0].std() > 0.05


@pytest.mark.parametrize("gate", ["reinmax", "gapped_straight_through"])
def test_hard_gates_are_on_with_probability_gamma(gate):
    noise = torch.rand(100_000, generator=seeded(4))
    for gamma in (0.01, 0.4, 0.95):
        drawn = gates.training_gate(gate, noise, torch.full_like(noise, gamma), 1.0, 0.5)
        assert set(drawn.unique().tolist()) <= {0.0, 1.0}
        error = 4 * math.sqrt(gamma * (1 - gamma) / len(noise))
        assert drawn.mean().item() == pytest.approx(gamma, abs=error)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_temperature_and_gap_must_be_positive(value):
    half = torch.full((2,), 0.5)
    for name, given in (("temperature", (value, 1.0)), ("gap", (1.0, value))):
        with pytest.raises(ConfigurationError, match=f"{name} = {value:g} is not allowed"):
            spike_slab.gapped_straight_through_gate(half, half, *given)


@pytest.mark.parametrize(
    ("gate", "idle"),
    [
        ("reinmax", {"temperature": 0.5, "gate_gap": 2.0, "slope_start": 3.0}),
        ("gapped_straight_through", {"slope_end": 30.0}),
        ("concrete", {"gate_gap": 2.0}),
    ],
)
def test_options_without_effect_on_the_gate_earn_a_warning(gate, idle):
    for option, value in idle.items():
        with pytest.warns(UserWarning, match=f"{option} = .* no effect with gate = '{gate}'"):
            tiny("vsc", gate=gate, **{option: value})


@pytest.mark.parametrize("name", ["vsc", "vsc_mixture"])
@pytest.mark.parametrize("gate", ["reinmax", "gapped_straight_through"])
def test_models_learn_through_the_gates(name, gate):
    """Over three seeds the loss falls to .60 to .61 of its start."""
    options = {"alpha": 0.3, "gate": gate} | ({"pseudo_inputs": 5} if "_" in name else {})
    model = tiny(name, latents=12, hidden=32, **options)
    head = 2 * model.latents
    loss(model).total.backward()
    assert model.encoder.head.weight.grad[head:].abs().max() > 0
    model.zero_grad()
    found = fit(model, data.load("digits"), steps=120, learning_rate=3e-3, progress=False)
    assert found.terms["total"][-1] < 0.92 * found.terms["total"][0]


def test_the_gap_reaches_the_gate():
    one, other = (
        tiny("vsc", gate="gapped_straight_through", gate_gap=gap, gamma_bias=0.0)
        for gap in (0.5, 4.0)
    )
    gradients = []
    for model in (one, other):
        loss(model).total.backward()
        gradients.append(model.encoder.head.bias.grad[10:])
    assert (gradients[0] - gradients[1]).abs().max() > 1e-3
