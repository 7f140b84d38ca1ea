"""Comparison of numbers of any kind, in float64."""

from typing import Any

import numpy as np
import sympy
import torch
from torch import Tensor

from vsclib.checks.verdict import Verdict, refuse, require_tolerance, settle


def to_float64(name: str, value: Any) -> Tensor:
    """A number, list, array or tensor as a float64 tensor on the CPU, detached from autograd.

    Raises:
        CheckRefused: the value is not made of real numbers.
    """
    try:
        if isinstance(value, list | tuple) and any(isinstance(part, Tensor) for part in value):
            value = torch.stack([torch.as_tensor(part).detach() for part in value])
        # NumPy keeps a Python number in float64; torch would round it to float32.
        tensor = value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
        tensor = tensor.to_dense()
    except (TypeError, ValueError, RuntimeError):
        kind = type(value).__name__
        refuse(name, f"{kind} is not made of numbers: {_remedy(value)}")
    if tensor.is_complex():
        refuse(name, "it has complex numbers: compare real and imaginary part apart")
    if tensor.numel() == 0:
        refuse(name, f"shape {tuple(tensor.shape)} holds no number: give at least one")
    return tensor.detach().to("cpu", torch.float64)


def _remedy(value: Any) -> str:
    """What to give instead of a value that is not made of numbers."""
    if value is None:
        return "a function gives None if it does not return its result"
    if isinstance(value, sympy.Basic) and value.free_symbols:
        symbols = ", ".join(sorted(map(str, value.free_symbols)))
        return f"put numbers for {symbols} with .subs, then float(...); for formulas, use symbolic"
    if isinstance(value, sympy.Basic):
        return "write float(...) around it; for torch's tensors use torch's functions, not SymPy's"
    if isinstance(value, list | tuple):
        return "give a list of numbers, float(...) of SymPy's, or lists of one length"
    if callable(value):
        return "call it, and give its result"
    return "give a number, a list, an array or a tensor"


def paired(name: str, value: Any, expected: Any) -> tuple[Tensor, Tensor]:
    """Two values as float64 tensors of one shape.

    One of them must already have the common shape: (3,) against (3, 1) would silently compare all
    pairs, and is refused.

    Raises:
        CheckRefused: the shapes do not fit.
    """
    value, expected = to_float64(name, value), to_float64(name, expected)
    shapes = tuple(value.shape), tuple(expected.shape)
    try:
        common = torch.broadcast_shapes(*shapes)
    except RuntimeError:
        common = None
    if common is None or tuple(common) not in shapes:
        both = f"shapes {shapes[0]} and {shapes[1]}"
        refuse(name, f"{both} do not fit: give one shape, or repeat the smaller on purpose")
    return value.expand(common), expected.expand(common)


def difference(value: Tensor, expected: Tensor) -> Tensor:
    """Absolute difference of two tensors; equal infinities agree and NaN stays NaN."""
    return torch.where(value == expected, 0.0, (value - expected).abs())


def worst(error: Tensor) -> float:
    """The largest error; NaN if any is NaN."""
    return float(error.max())  # torch's maximum is NaN if any number is


def close(
    name: str, value: Any, expected: Any, tolerance: float, *, relative: bool = False
) -> Verdict:
    r"""Two computed values agree.

    .. math:: |a - b| \le t \qquad\text{or, relative,}\qquad |a - b| \le t\,|b|

    Args:
        name: what is checked.
        value, expected: a and b, of shapes that fit.
        tolerance: t, the largest difference allowed anywhere.
        relative: whether the difference is measured in units of ``|b|``.

    Raises:
        CheckFailed: a difference exceeds the tolerance or is NaN.
        CheckRefused: the shapes do not fit, or the tolerance is not a finite number >= 0.

    Example:
        >>> close("one third", 0.333, 1 / 3, tolerance=1e-3)
        one third: compared in float64; difference 0.000333, allowed 0.001; passed
    """
    require_tolerance(name, tolerance)
    value, expected = paired(name, value, expected)
    error = difference(value, expected)
    if relative:
        error = torch.where(error == 0, 0.0, error / expected.abs())
    count = f", {value.numel()} values" if value.numel() > 1 else ""
    measure = "relative difference" if relative else "difference"
    return settle(name, f"compared in float64{count}", measure, worst(error), tolerance)
