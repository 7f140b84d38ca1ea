"""What a check reads: expressions, their symbols, and what to write instead of anything else."""

from typing import Any

import sympy
from sympy.core.function import AppliedUndef, UndefinedFunction

from vsclib.checks.verdict import refuse, shown

MATRIX = sympy.MatrixBase | sympy.MatrixExpr


def to_expression(name: str, value: Any, what: str = "it", *, matrix: bool = False) -> Any:
    """A value (an expression or a number, or a matrix) as a SymPy expression or matrix.

    Args:
        name: what is checked.
        value: what is read.
        what: its place in the call, for the message.
        matrix: whether a matrix is allowed.

    Raises:
        CheckRefused: SymPy cannot read it, or it is an equation, a set, a limit or not a number.
    """
    # SymPy would evaluate a string as code.
    readable = not isinstance(value, str)
    try:
        expression: Any = sympy.sympify(value, strict=True) if readable else None
    except (sympy.SympifyError, TypeError, ValueError):
        expression = None
    scalar = isinstance(expression, sympy.Expr) and not isinstance(expression, MATRIX)
    if not scalar and not (matrix and isinstance(expression, sympy.MatrixBase)):
        reason = f"{what} = {shown(value)} ({type(value).__name__}) is no expression"
        refuse(name, f"{reason}: {_remedy(value)}")
    if isinstance(expression, sympy.MatrixBase) and 0 in expression.shape:
        refuse(name, f"{what} is a matrix without entries: give at least one")
    if expression.has(sympy.nan, sympy.zoo):
        refuse(name, f"{what} = {shown(expression)} is undefined: NaN never passes")
    if expression.has(sympy.Indexed, sympy.MatrixSymbol):
        reason = f"{what} = {shown(expression)} has a symbol with an index, which gets no number"
        refuse(name, f"{reason}: use a sympy.Symbol for each entry")
    return expression


def _remedy(value: Any) -> str:
    """What to write instead of a value that is no expression."""
    if isinstance(value, str):
        return "write it without quotation marks, in symbols: x = sympy.Symbol('x'), sympy.oo"
    if isinstance(value, sympy.Equality):
        return "give one side of the equation, .lhs or .rhs"
    if isinstance(value, sympy.logic.boolalg.Boolean | bool):
        return "give the two sides, not the outcome of their comparison"
    if isinstance(value, MATRIX):
        return "check the entries of an explicit matrix one by one, such as M[0, 0]"
    if isinstance(value, list | tuple | set | dict | sympy.Tuple | sympy.Set):
        return "give one element of it, such as [0], or sympy.Matrix([...]) to symbolic"
    if getattr(value, "shape", None):
        return "give one number of it, or sympy.Matrix(values.tolist()) to symbolic"
    if value is None:
        return "nothing was given: does the function that makes it return?"
    if callable(value) or isinstance(value, UndefinedFunction):
        return "call it with symbols, such as f(x), and give the result"
    return "give a SymPy expression or a number"


def require_one_meaning(name: str, *parts: Any) -> None:
    """Raise CheckRefused if two symbols of one name have other assumptions.

    SymPy takes them for two variables that print alike, so that equal formulas differ.

    Args:
        name: what is checked.
        parts: all that the check is given; what holds no symbols is passed over.
    """
    seen: dict[str, sympy.Symbol] = {}
    holders = (part for part in parts if isinstance(part, sympy.Basic | sympy.MatrixBase))
    for symbol in (symbol for part in holders for symbol in part.atoms(sympy.Symbol)):
        # A dummy differs from its namesakes on purpose.
        first = symbol if symbol.is_Dummy else seen.setdefault(symbol.name, symbol)
        if first != symbol:
            both = " and ".join(sorted((_declared(first), _declared(symbol))))
            reason = f"two symbols are named {symbol.name}: {both}; SymPy takes them for different"
            refuse(name, f"{reason}: make {symbol.name} once and use it everywhere")


def _declared(symbol: sympy.Symbol) -> str:
    """How a symbol was made."""
    known = {k: v for k, v in symbol.assumptions0.items() if k != "commutative"}
    given = getattr(symbol, "_assumptions_orig", known)
    return f"Symbol({', '.join([repr(symbol.name), *(f'{k}={v}' for k, v in given.items())])})"


def undefined(*expressions: Any) -> str:
    """A clause that names what has no formula in some expressions; empty if there is nothing."""
    found = {part for expression in expressions for part in expression.atoms(AppliedUndef)}
    names = ", ".join(sorted(map(str, found)))
    return f" ({names} has no formula: put one for it)" if found else ""
