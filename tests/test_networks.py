"""Likelihoods against torch.distributions; encoders and decoders as the widget and the models rely
on them.
"""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Normal

from vsclib import networks
from vsclib.errors import ConfigurationError
from vsclib.networks import Decoder, Encoder

SHAPES = [(1, 8, 8), (3, 12, 8)]
LIKELIHOODS = ["bernoulli", "gaussian", "gaussian_learned"]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def outputs(decoder: Decoder, z: torch.Tensor) -> torch.Tensor:
    return decoder.layers(z).reshape(len(z), -1, *decoder.image_shape[1:])


@pytest.fixture(autouse=True)
def same_weights():
    torch.manual_seed(4)


# -------------------------------------------------------------------------------------- likelihoods


@pytest.mark.parametrize("shape", SHAPES)
def test_bernoulli_is_the_sum_over_pixels_of_coins(shape):
    logits, x = (
        3 * torch.randn(5, *shape, generator=seeded()),
        torch.rand(5, *shape, generator=seeded(1)),
    )
    x[0], x[1] = x[0].round(), 0.0
    coins = Bernoulli(logits=logits.double(), validate_args=False)
    likelihood = networks.Bernoulli(logits)
    expected = coins.log_prob(x.double()).sum((1, 2, 3))
    torch.testing.assert_close(likelihood.log_prob(x).double(), expected, rtol=1e-6, atol=1e-4)
    torch.testing.assert_close(likelihood.mean.double(), coins.mean, rtol=1e-6, atol=1e-7)


def test_bernoulli_is_finite_for_a_certain_pixel():
    logits = torch.tensor([200.0, -200.0]).reshape(1, 1, 1, 2)
    assert networks.Bernoulli(logits).log_prob(1.0 - logits.sigmoid()).item() == pytest.approx(
        -400.0
    )


@pytest.mark.parametrize("sigma", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_gaussian_of_one_sigma_is_a_normal_density_for_every_pixel(shape, sigma):
    decoder = Decoder(shape, latents=3, likelihood="gaussian", sigma=sigma, hidden=7)
    z, x = torch.randn(5, 3, generator=seeded()), torch.rand(5, *shape, generator=seeded(1))
    normal = Normal(torch.sigmoid(outputs(decoder, z)).double(), sigma)
    likelihood = decoder(z)
    expected = normal.log_prob(x.double()).sum((1, 2, 3))
    torch.testing.assert_close(likelihood.log_prob(x).double(), expected, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(likelihood.mean.double(), normal.mean, rtol=0, atol=0)


def test_normaliser_of_the_gaussian_counts_every_pixel():
    """Printed once an image (E10) it is 0.285 for sigma = 0.3; for 784 pixels it is 223.5."""
    x = torch.rand(2, 1, 28, 28, generator=seeded())
    exact = networks.Gaussian(x, torch.tensor(2 * math.log(0.3))).log_prob(x)
    assert exact.tolist() == pytest.approx([223.5, 223.5], abs=0.05)


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gaussian_of_learned_sigma_is_a_normal_density_for_every_pixel(shape, network):
    decoder = Decoder(shape, latents=3, likelihood="gaussian_learned", hidden=7, network=network)
    z, x = 5 * torch.randn(5, 3, generator=seeded()), torch.rand(5, *shape, generator=seeded(1))
    both = outputs(decoder, z).double()
    mean, logvar = both[:, : shape[0]].sigmoid(), both[:, shape[0] :]
    assert logvar.std() > 0.01
    expected = Normal(mean, (logvar.exp() + 1e-6).sqrt()).log_prob(x.double()).sum((1, 2, 3))
    torch.testing.assert_close(decoder(z).log_prob(x).double(), expected, rtol=1e-5, atol=1e-3)


def test_learned_variance_has_a_floor():
    """A pixel that never varies would otherwise earn an infinite density."""
    decoder = Decoder((1, 4, 4), latents=2, likelihood="gaussian_learned", hidden=3)
    with torch.no_grad():
        decoder.layers[-1].weight.zero_()
        decoder.layers[-1].bias[:16], decoder.layers[-1].bias[16:] = 0.0, -1000.0
    x = torch.full((2, 1, 4, 4), 0.5)
    z = torch.zeros(2, 2)
    best = Normal(0.0, 1e-3).log_prob(torch.tensor(0.0)).item()
    value = decoder(z).log_prob(x)
    assert value.tolist() == pytest.approx([16 * best] * 2, rel=1e-5)
    value.sum().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in decoder.parameters())


def test_one_sigma_and_an_image_of_sigmas_agree():
    mean, x = torch.rand(2, 3, 1, 4, 4, generator=seeded())
    one = networks.Gaussian(mean, torch.tensor(-1.3)).log_prob(x)
    torch.testing.assert_close(
        one, networks.Gaussian(mean, torch.full_like(mean, -1.3)).log_prob(x)
    )


# ----------------------------------------------------------------------------------------- networks


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape, network, likelihood):
    decoder = Decoder(
        shape, latents=5, likelihood=likelihood, network=network, hidden=11, hidden_layers=2
    )
    found = decoder(torch.randn(7, 5, generator=seeded()))
    x = torch.rand(7, *shape, generator=seeded())
    assert found.mean.shape == (7, *shape) and found.log_prob(x).shape == (7,)
    assert 0 < found.mean.min() and found.mean.max() < 1
    encoder = Encoder(shape, latents=5, heads=3, network=network, hidden=11, hidden_layers=2)
    heads = encoder(x)
    assert [head.shape for head in heads] == [(7, 5)] * 3
    torch.testing.assert_close(torch.cat(heads, 1), encoder.head(encoder.layers(x)))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_mean_is_the_sigmoid_of_the_first_channels(network, likelihood):
    """What the widget computes in the browser from the same weights."""
    decoder = Decoder((3, 8, 8), latents=4, likelihood=likelihood, network=network, hidden=9)
    z = torch.randn(6, 4, generator=seeded())
    torch.testing.assert_close(
        decoder(z).mean, torch.sigmoid(outputs(decoder, z)[:, :3]), rtol=0, atol=0
    )


def test_layers_of_a_decoder_are_those_that_the_widget_knows():
    mlp = Decoder(
        (1, 8, 8), latents=4, likelihood="gaussian_learned", hidden=9, hidden_layers=2
    ).layers
    assert [type(layer) for layer in mlp] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert (mlp[0].in_features, mlp[0].out_features, mlp[-1].out_features) == (4, 9, 2 * 64)
    conv = Decoder((3, 8, 8), latents=4, network="conv", hidden=9).layers
    tail = [nn.Linear, nn.ReLU, nn.Unflatten, nn.ConvTranspose2d, nn.ReLU, nn.ConvTranspose2d]
    assert [type(layer) for layer in conv] == [nn.Linear, nn.ReLU, *tail]
    assert conv[-1].out_channels == 3


def test_convolutional_encoder_sees_neighbourhoods():
    """One pixel moves only the features near it, at a quarter of the resolution."""
    encoder = Encoder((1, 16, 16), latents=2, heads=1, network="conv")
    features = encoder.layers[:4]
    x = torch.zeros(2, 1, 16, 16)
    x[1, 0, 0, 0] = 1.0
    moved = features(x).diff(dim=0).abs().sum((0, 1)) > 0
    assert moved.shape == (4, 4) and moved[0, 0] and not moved[2:].any() and not moved[:, 2:].any()


@pytest.mark.parametrize(
    "made", [lambda s: Encoder(s, 2, 1, "conv"), lambda s: Decoder(s, 2, network="conv")]
)
@pytest.mark.parametrize("shape", [(1, 8, 10), (1, 27, 28)])
def test_sides_that_cannot_be_halved_twice_are_refused(made, shape):
    message = rf"'conv'.*{shape[1]} x {shape[2]} pixels.*multiples of 4, or network = 'mlp'"
    with pytest.raises(ConfigurationError, match=message):
        made(shape)
