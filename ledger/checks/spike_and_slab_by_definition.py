"""Spike-and-slab densities against a point mass at zero plus length: the checks start here."""

import functools

import sympy as sp
import torch
from torch import Tensor

z, mu, mu_u = sp.symbols("z mu mu_u", real=True)
sigma, sigma_u, gamma, gamma_u, alpha = sp.symbols(
    "sigma sigma_u gamma gamma_u alpha", positive=True
)
ALLOWED = (gamma < 1, alpha < 1)


def log_normal(mean: sp.Expr, deviation: sp.Expr) -> sp.Expr:
    """Logarithm of a Gaussian's density at z."""
    return -((z - mean) ** 2) / (2 * deviation**2) - sp.log(deviation) - sp.log(2 * sp.pi) / 2


def normal(mean: sp.Expr, deviation: sp.Expr) -> sp.Expr:
    """Density of a Gaussian at z."""
    return sp.exp(log_normal(mean, deviation))


@functools.cache
def slab_mean(expression: sp.Expr) -> sp.Expr:
    """Mean of a polynomial in z when z is drawn from the slab of q: an integral that SymPy does."""
    t = sp.Symbol("t", real=True)
    powers = sp.Poly(expression.subs(z, mu + sigma * t), t).terms()
    return sp.Add(*(coefficient * _moment(power) for (power,), coefficient in powers))


@functools.cache
def _moment(power: int) -> sp.Expr:
    """Mean of a power of a standard normal draw."""
    t = sp.Symbol("t", real=True)
    return sp.integrate(t**power * sp.exp(-(t**2) / 2) / sp.sqrt(2 * sp.pi), (t, -sp.oo, sp.oo))


# The slabs' share of the KL, and the whole of it: the logarithm of the ratio of densities, averaged
# over q. At zero the densities are the masses 1 - gamma; everywhere else they are gamma times a
# Gaussian.
def slab_share(weight: sp.Expr, mean: sp.Expr, deviation: sp.Expr) -> sp.Expr:
    """What the draws away from zero add to the KL from q to a spike-and-slab."""
    return gamma * slab_mean(
        sp.log(gamma) + log_normal(mu, sigma) - sp.log(weight) - log_normal(mean, deviation)
    )


def kl_by_definition(weight: sp.Expr, mean: sp.Expr, deviation: sp.Expr) -> sp.Expr:
    """KL from q to a spike-and-slab of the given weight, mean and deviation."""
    return slab_share(weight, mean, deviation) + (1 - gamma) * sp.log((1 - gamma) / (1 - weight))


def torch_log_normal(value: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Logarithm of a Gaussian's density, by torch's own distribution."""
    return torch.distributions.Normal(mean, deviation).log_prob(value)
