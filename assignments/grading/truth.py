"""What judges compare with: numbers by shape and size, expressions by proof."""

from typing import Any

import sympy
import torch

from grading.scoring import LostError
from vsclib import checks
from vsclib.checks.points import largest_difference


def close(value: Any, truth: Any, tolerance: float = 1e-6, relative: float = 0.0) -> bool:
    """Whether numbers are the true ones, each within ``tolerance + relative * |truth|``.

    Args:
        value: a number, a tensor, or nested lists of numbers.
        truth: what it should be.
        tolerance, relative: what rounding may cost.

    Raises:
        LostError: the shapes differ, or something is not finite.
    """
    truth = _numbers(truth)
    value = _numbers(value)
    if value.shape != truth.shape:
        raise LostError(f"shape {tuple(value.shape)} where {tuple(truth.shape)} is asked for")
    if not torch.isfinite(value).all():
        raise LostError("not every number is finite")
    return bool(((value - truth).abs() <= tolerance + relative * truth.abs()).all())


def _numbers(value: Any) -> torch.Tensor:
    try:
        return torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        pass
    try:
        return torch.tensor([float(item) for item in value], dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise LostError("numbers are asked for") from None


def same(expression: Any, truth: sympy.Expr, *assumptions: Any) -> bool:
    """Whether an expression equals the true one, at the points of :func:`vsclib.checks.symbolic`.

    Symbols are known by their names: one defined anew with other assumptions is the same symbol.

    Args:
        expression: the answer.
        truth: what it should be.
        *assumptions: relations between the truth's symbols.

    Raises:
        LostError: it is no expression, or holds symbols that the truth does not.
    """
    if isinstance(expression, sympy.Eq):
        expression = expression.rhs
    if isinstance(expression, (int, float)):
        expression = sympy.sympify(expression)
    if not isinstance(expression, sympy.Expr):
        raise LostError("a SymPy expression is asked for")
    ours = {symbol.name: symbol for symbol in truth.free_symbols}
    strange = sorted({s.name for s in expression.free_symbols} - set(ours))
    if strange:
        raise LostError(f"{', '.join(strange)} is left over")
    expression = expression.xreplace({s: ours[s.name] for s in expression.free_symbols})
    try:
        # Points of thirty digits decide. To prove a right but unwieldy answer may take minutes.
        if largest_difference("the answer", expression, truth, assumptions) is None:
            checks.symbolic("the answer", expression, truth, *assumptions)
    except (checks.CheckFailed, checks.CheckRefused):
        return False
    return True


def honest(estimates: Any) -> bool:
    """Whether standard errors are the spread of their means, within a quarter.

    Args:
        estimates: a pair (mean, standard error) for each of many repetitions.
    """
    means, errors = torch.tensor(estimates, dtype=torch.float64).T
    return bool(means.std() > 0 and 0.8 < (means.std() / errors.mean()).item() < 1.25)
