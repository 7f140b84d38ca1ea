"""The autoencoders of 2024: k latents on average over a batch, and thresholds that learn."""

import numpy as np
import pytest
import torch
from small_models import SHAPE, images, loss, seeded, tiny

import vsclib
from vsclib import data
from vsclib.errors import ConfigurationError
from vsclib.models import TrainingStep


def test_a_batch_keeps_its_k_b_largest_values():
    model, x = tiny("batch_top_k", latents=20, k=3), images(50)
    (values,) = model.encoder(x)
    code, state = model.gate_batch(values)
    order = np.sort(values.detach().numpy().ravel())[::-1]
    assert code.active.sum() == 150 and (order[149] > 0)
    wanted = np.where(values.detach().numpy() >= order[149], values.detach().numpy(), 0.0)
    assert np.array_equal(code.z.detach().numpy(), wanted)
    assert code.active.sum(1).unique().numel() > 1, "images differ in how many they use"
    assert state["level"].item() == pytest.approx(order[149])


def test_only_positive_values_are_kept():
    model = tiny("batch_top_k", latents=4, k=3)
    values = torch.tensor([[-1.0, -2.0, 0.5, -3.0], [-1.0, 2.0, -0.1, -0.2]])
    code, state = model.gate_batch(values)
    assert code.z.tolist() == [[0, 0, 0.5, 0], [0, 2.0, 0, 0]]
    assert state["level"].item() == 0.5
    none, state = model.gate_batch(-values.abs())
    assert not none.active.any() and state["level"].item() == 0.0


def test_the_threshold_is_the_average_of_the_batches():
    model, levels = tiny("batch_top_k", latents=20, k=3), []
    for number in range(5):
        x = torch.rand(8, *SHAPE, generator=seeded(number))
        (values,) = model.encoder(x)
        levels.append(values.flatten().sort(descending=True).values[23].item())
        step = TrainingStep(x, seeded(), number)
        model.remember(step, model.loss(step).state)
    assert model.level.item() == pytest.approx(np.mean(levels), rel=1e-5)
    (values,) = model.encoder(images())
    assert torch.equal(model.encode(images()).active, values > model.level)


@pytest.mark.trains
@pytest.mark.slow
def test_codes_use_about_k_latents_after_training():
    """Over three seeds the codes of the test images use 3.97 to 4.05 latents at k = 4."""
    digits = data.load("digits")
    model = tiny("batch_top_k", latents=30, k=4)
    found = vsclib.fit(model, digits, steps=1000, learning_rate=1e-3, progress=False)
    assert found.terms["total"][-1] < found.terms["total"][0] - 1
    on = model.encode(data.to_tensor(digits.test.images)).active.sum(1).double()
    assert 3.2 < on.mean().item() < 4.8 and on.std() > 0.3


# ---------------------------------------------------------------------------------- thresholds


def test_a_value_jumps_at_its_threshold():
    model = tiny("jump_relu", latents=4)
    with torch.no_grad():
        model.log_theta.copy_(torch.tensor([0.5, 1.0, 2.0, 1.0]).log())
    code = model.gate(torch.tensor([[0.6, 0.9, 3.0, -5.0]]))
    assert code.z.tolist() == [[pytest.approx(0.6), 0.0, 3.0, 0.0]]
    assert code.active.tolist() == [[True, False, True, False]]


def test_thresholds_get_the_rectangles_gradient():
    """Against the published pseudo-derivatives, summed by hand over images and latents."""
    model = tiny("jump_relu", l0=0.7, bandwidth=0.8, jump_start=0.6).double()
    x = images().double()
    model.objective(TrainingStep(x, seeded())).total.backward()
    (values,) = model.encoder(x)
    theta = model.log_theta.exp().detach()
    code = model.gate(values)
    z = code.z.detach().requires_grad_()
    (slope,) = torch.autograd.grad(-model.decoder(z).log_prob(x).mean(), z)
    kernel = ((values - theta).abs() < 0.4).double() / 0.8
    assert 0 < kernel.count_nonzero() < kernel.numel()
    wanted = ((slope * -theta - 0.7 / len(x)) * kernel).sum(0) * theta  # of the logarithm
    torch.testing.assert_close(model.log_theta.grad, wanted.detach())


def test_a_step_charges_what_the_code_costs():
    model = tiny("jump_relu", l0=0.7)
    found, code = loss(model), model.encode(images())
    assert found.terms["l0"].item() == pytest.approx(0.7 * code.active.sum(1).float().mean().item())
    wanted = -model.decode(code.z).log_prob(images()).mean()
    assert found.terms["reconstruction"].item() == pytest.approx(wanted.item(), rel=1e-6)
    assert model.penalties(code)["l0"].mean().item() == pytest.approx(found.terms["l0"].item())


@pytest.mark.trains
@pytest.mark.slow
def test_a_price_moves_thresholds_up_and_switches_latents_off():
    """Over three seeds a hundredfold price leaves 13 to 16 of 28 latents on."""
    digits, on = data.load("digits"), []
    for price in (0.02, 2.0):
        model = tiny("jump_relu", latents=30, l0=price)
        vsclib.fit(model, digits, steps=400, learning_rate=1e-2, progress=False)
        on.append(model.encode(data.to_tensor(digits.test.images)).active.sum(1).double().mean())
    assert 0 < on[1] < 0.8 * on[0]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("batch_top_k", {"k": 6}, "k = 6 of 5 latents: choose 1 <= k <= 5"),
        ("jump_relu", {"l0": -0.1}, "l0 = -0.1 is not allowed: choose l0 >= 0"),
        ("jump_relu", {"bandwidth": 0.0}, "bandwidth = 0.0 is not allowed"),
        ("jump_relu", {"jump_start": 0.0}, "jump_start = 0.0 is not allowed"),
    ],
)
def test_options_out_of_range_are_refused(name, options, message):
    with pytest.raises(ConfigurationError, match=message):
        tiny(name, **options)
