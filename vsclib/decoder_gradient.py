"""The gradient of an MLP decoder's log-likelihood in the code, in closed form.

It makes four products of matrices a call (with one hidden layer), keeps no graph and computes no
likelihood. Nothing in it depends on a value, so that ``torch.func.vmap`` and ``torch.compile`` take
it, and its operations are those of autograd in their order: in float32 and float64 the fixed
Gaussian and the Bernoulli likelihood give the same numbers.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vsclib.networks import SMALLEST_VARIANCE, Decoder, continuous_bernoulli_mean


def is_plain_mlp(decoder: nn.Module) -> bool:
    """Whether :func:`mlp_gradient` knows a decoder: linear layers with ReLU between them.

    Layers of another class, parametrised ones, without bias or with hooks, and a ``forward`` of
    one's own leave it to autograd.
    """
    layers = getattr(decoder, "layers", None)
    if type(decoder) is not Decoder or type(layers) is not nn.Sequential:
        return False
    kinds = [type(layer) for layer in layers]
    chain = [nn.Linear, nn.ReLU] * (len(kinds) // 2) + [nn.Linear]
    return (
        kinds == chain
        and all(layer.bias is not None for layer in layers[::2])
        and not any(_changed(part) for part in (decoder, layers, *layers))
    )


def _changed(part: nn.Module) -> bool:
    hooks = (part._forward_hooks, part._forward_pre_hooks)
    return "forward" in vars(part) or any(map(len, (*hooks, part._backward_hooks)))


def mlp_gradient(
    decoder: Decoder, x: Tensor, products: torch.dtype | None = None
) -> Callable[[Tensor], Tensor]:
    r"""The derivative of log p(x|z) in z, for a decoder that :func:`is_plain_mlp`.

    .. math::

        \frac{\partial}{\partial z}\log p(x\mid z) = W_1^\top\bigl[1_{h_1>0}\odot
        W_2^\top\bigl[\cdots W_L^\top\frac{\partial}{\partial o}\log p(x\mid o)\bigr]\bigr]

    with the hidden layers h and the outputs o.

    Args:
        decoder: whose weights, as they are now, it takes; they get no gradient.
        x: images (B, C, H, W).
        products: dtype of the products of matrices; None is that of the weights. The likelihood's
            own part is computed in that of the codes.

    Returns:
        A function of codes (B, J) whose value is shaped like them.
    """
    layers: Any = decoder.layers
    linear = list(layers)[::2]
    dtype = products or linear[0].weight.dtype
    weights = [layer.weight.detach().to(dtype) for layer in linear]  # (out, in)
    biases = [layer.bias.detach().to(dtype) for layer in linear]
    precision = (-decoder.logvar).exp()
    score = functools.partial(_SCORES[decoder.likelihood], x.flatten(1), precision)
    return functools.partial(_follow, weights, biases, score)


# The check of hints that torch.compile cannot follow: of a function made inside another one (hence
# partial), and of what a list holds (hence Any).
@torch.no_grad()
def _follow(weights: Any, biases: Any, score: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    dtype, hidden = weights[0].dtype, []
    below = z.to(dtype)
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        below = torch.addmm(bias, below, weight.t()).relu_()  # (B, H)
        hidden.append(below)
    outputs = torch.addmm(biases[-1], below, weights[-1].t())  # (B, D or 2D)
    above = score(outputs.to(z.dtype)).to(dtype)
    for weight, layer in zip(weights[:0:-1], hidden[::-1], strict=True):
        above = torch.ops.aten.threshold_backward(above @ weight, layer, 0)  # (B, H)
    return (above @ weights[0]).to(z.dtype)  # (B, J)


# ------------------------ the derivative of log p(x|o) in the outputs o, which it may overwrite


def _bernoulli(x: Tensor, precision: Tensor, outputs: Tensor) -> Tensor:
    return x - outputs.sigmoid_()


def _continuous_bernoulli(x: Tensor, precision: Tensor, outputs: Tensor) -> Tensor:
    # The log-odds are the natural parameter of an exponential family.
    return x - continuous_bernoulli_mean(outputs)


def _gaussian(x: Tensor, precision: Tensor, outputs: Tensor) -> Tensor:
    mean = outputs.sigmoid_()
    return torch.ops.aten.sigmoid_backward((x - mean).mul_(precision), mean)


def _gaussian_real(x: Tensor, precision: Tensor, outputs: Tensor) -> Tensor:
    return (x - outputs).mul_(precision)


def _gaussian_learned(x: Tensor, precision: Tensor, outputs: Tensor) -> Tensor:
    logits, logvar = outputs.chunk(2, dim=1)
    mean, learned = logits.sigmoid(), logvar.exp()
    variance = learned + SMALLEST_VARIANCE
    scaled = (x - mean) / variance
    spread = (scaled * (x - mean) - 1.0) * (0.5 * learned / variance)
    return torch.cat([torch.ops.aten.sigmoid_backward(scaled, mean), spread], dim=1)


_SCORES = {
    "bernoulli": _bernoulli,
    "continuous_bernoulli": _continuous_bernoulli,
    "gaussian": _gaussian,
    "gaussian_learned": _gaussian_learned,
    "gaussian_real": _gaussian_real,
}
