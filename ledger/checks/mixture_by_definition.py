"""The two-Gaussian prior by its definition, which Li & Han's equations are held against."""

import numpy as np
import sympy as sp
import torch
from scipy import integrate
from torch import Tensor

from vsclib.checks import Verdict, symbolic

z = sp.Symbol("z", real=True)
alpha, sigma1, sigma2 = sp.symbols("alpha sigma_1 sigma_2", positive=True)
ALLOWED = (alpha < 1, sigma2 < sigma1)

PAPER = {alpha: 0.01, sigma1: 1.0, sigma2: 0.1}
"""Li and Han's setting, with sigma2 a standard deviation (E25)."""


def gaussian(sigma: sp.Expr) -> sp.Expr:
    """Density of a Gaussian about zero."""
    return sp.exp(-(z**2) / (2 * sigma**2)) / (sp.sqrt(2 * sp.pi) * sigma)


DENSITY = alpha * gaussian(sigma1) + (1 - alpha) * gaussian(sigma2)
LOG_DENSITY = sp.log(DENSITY)
SCORE = sp.diff(LOG_DENSITY, z)
RESPONSIBILITY = alpha * gaussian(sigma1) / DENSITY
"""p(C1 | z), Bayes' rule."""

WIDE, NARROW = alpha / sigma1, (1 - alpha) / sigma2
EXPONENT = z**2 / (2 * sigma1**2) - z**2 / (2 * sigma2**2)
"""The papers' form: p(C1 | z) = WIDE / (WIDE + NARROW exp(EXPONENT))."""

R1 = (1 - alpha) * sigma1 / (alpha * sigma2)
R2 = (sigma2**2 - sigma1**2) / (sigma1**2 * sigma2**2)


def is_log_density(name: str, form: sp.Expr) -> Verdict:
    """A form is the logarithm of the density."""
    return symbolic(name, form, LOG_DENSITY, *ALLOWED)


def is_score(name: str, form: sp.Expr) -> Verdict:
    """A form is the derivative of the log-density."""
    return symbolic(name, form, SCORE, *ALLOWED)


def is_responsibility(name: str, form: sp.Expr) -> Verdict:
    """A form is the posterior probability of the wide component."""
    return symbolic(name, form, RESPONSIBILITY, *ALLOWED)


def draw(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draws as the paper's words have it: first a coin with probability alpha, then a value.

    Args:
        count: how many.
        generator: source of randomness.

    Returns:
        Values (count,), and whether the wide component was chosen (count,).
    """
    wide = torch.rand(count, generator=generator, dtype=torch.float64) < PAPER[alpha]
    values = torch.randn(count, generator=generator, dtype=torch.float64)
    return values * torch.where(wide, PAPER[sigma1], PAPER[sigma2]), wide


def mass_within(size: float, setting: dict[sp.Symbol, float] = PAPER) -> float:
    """Probability that a value lies within ``size`` of zero, by quadrature of the density."""
    density = sp.lambdify(z, DENSITY.subs(setting), "numpy")
    return 2 * integrate.quad(density, 0.0, size, epsabs=1e-12)[0]


def at(
    form: sp.Expr, value: float | np.ndarray, setting: dict[sp.Symbol, float] = PAPER
) -> float | np.ndarray:
    """Value of a form in z at numbers, in a setting."""
    return sp.lambdify(z, form.subs(setting), "numpy")(value)
