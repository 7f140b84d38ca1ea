"""The closed form of an MLP decoder's gradient against autograd and finite differences; in an
ensemble, compiled, and refused where it does not hold.
"""

import pytest
import torch
from small_models import LIKELIHOODS, SHAPE, images, seeded, tiny
from torch import nn
from torch.func import functional_call, stack_module_state

from vsclib import networks
from vsclib.decoder_gradient import is_plain_mlp, mlp_gradient
from vsclib.inference import follow_gradient, follow_score
from vsclib.networks import Decoder

GENERATORS = ("short_run", "sparse_generator", "abp")


def decoder(likelihood="gaussian", hidden_layers=1, seed=0, **options) -> Decoder:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Decoder(
            SHAPE, 5, likelihood, **{"hidden": 12, "hidden_layers": hidden_layers} | options
        )


def codes(n: int = 6, latents: int = 5) -> torch.Tensor:
    return torch.randn(n, latents, generator=seeded(4))


def by_autograd(made: Decoder, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    z = z.detach().requires_grad_(True)
    return torch.autograd.grad(made(z).log_prob(x).sum(), z)[0]


@pytest.mark.parametrize("hidden_layers", [0, 1, 3])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_it_is_the_gradient_of_autograd_and_of_finite_differences(likelihood, hidden_layers):
    made = decoder(likelihood, hidden_layers, sigma=0.2).double()
    x, z, small = images().double(), codes().double(), 1e-6
    found = mlp_gradient(made, x)(z)
    torch.testing.assert_close(found, by_autograd(made, x, z), rtol=1e-11, atol=1e-11)
    with torch.no_grad():
        differences = torch.stack(
            [
                (made(z + e).log_prob(x) - made(z - e).log_prob(x)) / (2 * small)
                for e in small * torch.eye(5, dtype=torch.float64)
            ],
            dim=1,
        )
    torch.testing.assert_close(found, differences, rtol=1e-5, atol=1e-5)
    assert found.abs().min() > 1e-4 and not found.requires_grad


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_codes_of_thirty_steps_are_those_of_autograd(likelihood):
    made = Decoder((1, 28, 28), 200, likelihood)
    x, z = images(20, (1, 28, 28)), torch.zeros(20, 200)
    size = 0.02 if likelihood == "gaussian_real" else 0.1  # a longer step leaves the ridge
    expected = follow_gradient(lambda z: made(z).log_prob(x), torch.neg, z, 30, size)
    gradient = mlp_gradient(made, x)
    found = follow_score(lambda z: gradient(z) - z, z, 30, size)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    made, x, z = made.double(), x.double(), z.double()
    expected = follow_gradient(lambda z: made(z).log_prob(x), torch.neg, z, 30, size)
    gradient = mlp_gradient(made, x)
    found = follow_score(lambda z: gradient(z) - z, z, 30, size)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)
    assert found.abs().max() > 0.03


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_usual_likelihoods_give_the_numbers_of_autograd_bit_for_bit(likelihood):
    made, x, z = decoder(likelihood), images(), codes()
    assert torch.equal(mlp_gradient(made, x)(z), by_autograd(made, x, z))


class Walk(nn.Module):
    """A walk as an ensemble calls it: the decoder's weights are handed in."""

    def __init__(self, made: Decoder) -> None:
        super().__init__()
        self.decoder = made

    def forward(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        gradient = mlp_gradient(self.decoder, x)
        return follow_score(lambda z: gradient(z) - z, z, 5, 0.05)


@pytest.mark.parametrize("shared_images", [True, False])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_stacked_decoders_walk_as_each_alone(likelihood, shared_images):
    walks = [Walk(decoder(likelihood, 2, seed)) for seed in (1, 2, 3)]
    weights, buffers = stack_module_state(walks)
    x, z = torch.stack([images()] * 3), torch.stack([codes(), 2 * codes(), -codes()])
    x = x[0] if shared_images else x * torch.tensor([1.0, 0.5, 0.2]).view(3, 1, 1, 1, 1)

    def member(weights, buffers, x, z):
        return functional_call(walks[0], (weights, buffers), (x, z))

    axis = None if shared_images else 0
    found = torch.vmap(member, in_dims=(0, 0, axis, 0))(weights, buffers, x, z)
    for i, walk in enumerate(walks):
        alone = walk(x if shared_images else x[i], z[i])
        torch.testing.assert_close(found[i], alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found[0], found[1])


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_it_compiles_in_one_piece(likelihood):
    made, x, z = decoder(likelihood), images(), codes()
    compiled = torch.compile(
        lambda x, z: mlp_gradient(made, x)(z), fullgraph=True, backend="aot_eager"
    )
    torch.testing.assert_close(compiled(x, z), mlp_gradient(made, x)(z), rtol=1e-4, atol=1e-4)


def flat_without_bias(latents, shape):
    return nn.Sequential(nn.Linear(latents, 64, bias=False), nn.Unflatten(1, shape))


@pytest.mark.parametrize("name", GENERATORS)
def test_what_is_no_plain_mlp_is_left_to_autograd(name, monkeypatch):
    monkeypatch.setattr("vsclib.models.generator.mlp_gradient", None)
    networks.register("flat_without_bias", flat_without_bias)
    hooked, replaced, normed = tiny(name), tiny(name), tiny(name)
    hooked.decoder.layers[0].register_forward_hook(lambda part, given, found: 2 * found)
    replaced.decoder.forward = replaced.decoder.__class__(SHAPE, 5).forward
    torch.nn.utils.parametrizations.weight_norm(normed.decoder.layers[2])
    others = (tiny(name, network="conv"), tiny(name, decoder="flat_without_bias"))
    for model in (hooked, replaced, normed, *others):
        assert not is_plain_mlp(model.decoder)
        assert model.encode(images()).z.abs().max() > 0
    assert is_plain_mlp(tiny(name, hidden_layers=3).decoder)
    with pytest.raises(TypeError):
        tiny(name).encode(images())


@pytest.mark.parametrize("layers", [[], [nn.ReLU()], [nn.Linear(5, 64), nn.Tanh()]])
def test_other_layers_are_not_taken_for_a_plain_mlp(layers):
    made = decoder()
    made.layers = nn.Sequential(*layers)
    assert not is_plain_mlp(made)


def test_products_in_bfloat16_move_the_gradient_a_little():
    made, x, z = decoder(hidden_layers=2), images(), codes()
    full, half = mlp_gradient(made, x)(z), mlp_gradient(made, x, torch.bfloat16)(z)
    assert half.dtype == torch.float32
    assert 0 < (full - half).norm() / full.norm() < 0.05
