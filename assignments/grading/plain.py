"""Values as plain data: what a student's process says, in JSON, and the same read back.

Numbers, texts, tensors and SymPy expressions cross; an object of any other class crosses as its
class's name, so that no method of a student's class ever runs where points are given. Nothing here
runs what it reads.
"""

import base64
import math
import sys
from typing import Any

MOST_NUMBERS = 500_000
MOST_ITEMS = 2_000
MOST_NODES = 3_000
LONGEST_TEXT = 20_000
LARGEST_WHOLE = 10**40
# SymPy's classes that a derivation needs; another one is no answer.
CLASSES = frozenset(
    "Abs Add And Catalan ComplexInfinity CoshIntegral Dummy E EulerGamma Eq Equality Exp1 Float "
    "Function Half Heaviside ImaginaryUnit Infinity Integer Max Min Mul NaN NegativeInfinity "
    "NegativeOne One Pi Piecewise Pow Rational Symbol Tuple Zero acosh asinh atan cos cosh digamma "
    "erf erfc erfinv exp gamma lerchphi log loggamma lowergamma polygamma sign sin sinh tan tanh "
    "uppergamma ExprCondPair BooleanTrue BooleanFalse StrictLessThan StrictGreaterThan LessThan "
    "GreaterThan ImmutableDenseMatrix".split()
)
NUMBERS = {"Float", "Integer", "Rational", "Half", "One", "NegativeOne", "Zero"}


def to_plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON knows it.

    Args:
        value: a number, text, tensor, array, SymPy expression, or a list, tuple or dictionary.
        depth: how far inside lists; more than eight are no answer.

    Raises:
        ValueError: it is larger than an answer may be.
    """
    kind = type(value)
    if value is None or kind in (bool, str):
        if kind is str and len(value) > LONGEST_TEXT:
            raise ValueError(f"a text of {len(value)} letters, at most {LONGEST_TEXT}")
        return value
    if kind in (int, float):
        return _number(value)
    if depth > 8:
        raise ValueError("lists within lists, deeper than eight")
    if isinstance(value, dict):
        pairs = [(str(k), to_plain(v, depth + 1)) for k, v in list(value.items())[:MOST_ITEMS]]
        return {"dict": pairs}
    if isinstance(value, (list, tuple)):
        if len(value) > MOST_ITEMS:
            raise ValueError(f"a list of {len(value)} items, at most {MOST_ITEMS}")
        return [to_plain(item, depth + 1) for item in value]
    for known in (_from_array, _from_sympy):
        found = known(value)
        if found is not None:
            return found
    if isinstance(value, (int, float)):
        return _number(float(value))
    return {"other": kind.__name__[:80]}


def from_plain(plain: Any) -> Any:
    """What :func:`to_plain` was given: tensors as tensors, expressions as expressions.

    Raises:
        ValueError: it is no such data.
    """
    if isinstance(plain, list):
        return [from_plain(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    match plain:
        case {"float": str(text)}:
            return float(text)
        case {"whole": str(text)}:
            return int(text)
        case {"dict": list(pairs)}:
            return {str(key): from_plain(value) for key, value in pairs}
        case {"tensor": str(dtype), "shape": list(shape), "bytes": str(text)}:
            return _to_tensor(dtype, shape, text)
        case {"sympy": tree}:
            return _to_sympy(tree)
        case {"other": str(name)}:
            return Other(name)
    raise ValueError("this is no answer's data")


class Other:
    """An object of a class that does not cross: equal to nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"an object of class {self.name}"


def _number(value: int | float) -> Any:
    if type(value) is int:
        if abs(value) > LARGEST_WHOLE:
            raise ValueError("a whole number of more than 40 digits")
        return value if abs(value) < 2**53 else {"whole": str(value)}
    return value if math.isfinite(value) else {"float": str(value)}


def _from_array(value: Any) -> Any:
    """A tensor or an array; None for anything else."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(value, torch.Tensor):
        value = (
            value.as_subclass(torch.Tensor).detach().cpu().resolve_conj().to_dense().contiguous()
        )
        if value.dtype in (torch.bfloat16, torch.float16):
            value = value.float()
        value = value.numpy()
    elif numpy is None or not isinstance(value, (numpy.ndarray, numpy.generic)):
        return None
    array = numpy.ascontiguousarray(numpy.asarray(value))
    if array.dtype.kind not in "fiub":
        return {"other": f"array of {array.dtype}"}
    if array.size > MOST_NUMBERS:
        raise ValueError(f"{array.size} numbers, at most {MOST_NUMBERS}")
    text = base64.b64encode(array.tobytes()).decode()
    return {"tensor": array.dtype.str, "shape": list(numpy.shape(value)), "bytes": text}


def _to_tensor(dtype: str, shape: list, text: str) -> Any:
    import numpy
    import torch

    kind = numpy.dtype(dtype)
    if kind.kind not in "fiub" or kind.itemsize > 8:
        raise ValueError(f"no numbers of kind {dtype}")
    array = numpy.frombuffer(base64.b64decode(text, validate=True), dtype=kind)
    if kind.kind == "u" and kind.itemsize > 1:
        array = array.astype("int64")
    return torch.from_numpy(array.reshape([int(size) for size in shape]).copy())


def _from_sympy(value: Any) -> Any:
    """A SymPy expression as a tree; None for anything else."""
    sympy = sys.modules.get("sympy")
    if sympy is None or not isinstance(value, (sympy.Basic, sympy.MatrixBase)):
        return None
    if isinstance(value, sympy.MatrixBase):
        value = value.as_immutable()
    return {"sympy": _tree(value, sympy, [0])}


def _tree(node: Any, sympy: Any, count: list[int]) -> list:
    count[0] += 1
    if count[0] > MOST_NODES:
        raise ValueError(f"an expression of more than {MOST_NODES} parts")
    name = type(node).__name__
    if isinstance(node, sympy.Symbol):
        facts = {k: v for k, v in node.assumptions0.items() if v is not None}
        return ["Symbol", str(node.name)[:80], facts]
    if isinstance(node, sympy.Float):
        return ["Float", str(node.evalf(40))[:60]]
    if isinstance(node, sympy.Rational):
        return ["Rational", str(node.p)[:60], str(node.q)[:60]]
    if isinstance(node, sympy.MatrixBase):
        cells = [_tree(cell, sympy, count) for cell in node]
        return ["Matrix", list(node.shape), cells]
    return [name[:80], *(_tree(part, sympy, count) for part in node.args)]


def _to_sympy(tree: Any) -> Any:
    import sympy

    if not isinstance(tree, list) or not tree or not isinstance(tree[0], str):
        raise ValueError("this is no expression")
    name, *parts = tree
    match name, parts:
        case "Symbol", [str(symbol), dict(facts)]:
            return sympy.Symbol(symbol, **{k: v for k, v in facts.items() if isinstance(v, bool)})
        case "Float", [str(text)]:
            return sympy.Float(text, 30)
        case "Rational", [str(p), str(q)]:
            return sympy.Rational(int(p), int(q))
        case "Matrix", [[int(rows), int(columns)], list(cells)]:
            return sympy.ImmutableMatrix(rows, columns, [_to_sympy(cell) for cell in cells])
    if name not in CLASSES:
        raise ValueError(f"{name} is no part of an answer: give an expression without it")
    singletons = {"Pi": sympy.pi, "Exp1": sympy.E, "Infinity": sympy.oo, "NaN": sympy.nan}
    singletons |= {"NegativeInfinity": -sympy.oo, "ComplexInfinity": sympy.zoo}
    singletons |= {"ImaginaryUnit": sympy.I, "EulerGamma": sympy.EulerGamma}
    singletons |= {"BooleanTrue": sympy.true, "BooleanFalse": sympy.false}
    if name in singletons:
        return singletons[name]
    inside = [_to_sympy(part) for part in parts]
    if name == "Pow" and all(part.is_number for part in inside):
        return _power(*inside)
    if name == "ExprCondPair":
        return sympy.Tuple(*inside)
    return getattr(sympy, {"Equality": "Eq"}.get(name, name))(*inside)


def _power(base: Any, exponent: Any) -> Any:
    """A power of numbers, which must not become a number of a million digits."""
    size = abs(float(exponent)) * max(1.0, abs(math.log(abs(float(base)) or 1.0)))
    if size > 1e4:
        raise ValueError("a power of numbers that is too large to write down")
    return base**exponent
