"""The cross-entropy of grey pixels is no log-likelihood, and what makes it one."""

from collections.abc import Iterator

import sympy as sp

from vsclib.checks import Correction, Verdict, correction, integral

p, x = sp.symbols("p x", positive=True)
BELOW_ONE = (sp.Lt(p, sp.Rational(9, 10)), sp.Gt(p, sp.Rational(6, 10)))
"""Away from one half, where both sides of the quotient vanish."""


def cross_entropy() -> Iterator[Correction | Verdict]:
    """exp(-cross-entropy) of a grey pixel integrates to a mass that depends on p, not to 1."""
    form = p**x * (1 - p) ** (1 - x)
    mass = (2 * p - 1) / (sp.log(p) - sp.log(1 - p))

    def mass_is(name: str, expected: object) -> Verdict:
        return integral(name, form, x, (0, 1), expected, *BELOW_ONE, by_sympy=False)

    yield correction("E86, mass over a grey pixel", mass_is, printed=sp.Integer(1), right=mass)
    yield integral(
        "E86, at one half", form.subs(p, sp.Rational(1, 2)), x, (0, 1), sp.Rational(1, 2)
    )
    # The continuous Bernoulli's normaliser, 2 artanh(1 - 2p) / (1 - 2p), makes it a density.
    normaliser = 2 * sp.atanh(1 - 2 * p) / (1 - 2 * p)
    name = "E86, with the normaliser of the continuous Bernoulli"
    yield integral(name, normaliser * form, x, (0, 1), sp.Integer(1), *BELOW_ONE, by_sympy=False)
