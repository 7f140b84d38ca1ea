"""Checks by name: the ledger of claims says ``module:function``, and this finds the function and
runs it.
"""

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, NamedTuple

from vsclib.checks.failing import Correction
from vsclib.checks.precision import Sweep
from vsclib.checks.verdict import Verdict
from vsclib.errors import ConfigurationError, nearest

CLAIMS = "vsclib.claims"


class Outcome(NamedTuple):
    """What a named check showed.

    Attributes:
        name: ``module:function``.
        about: the claims that it settles, for example ``("E01", "E02")``.
        verdicts: every verdict, in the order in which they were reached; all passed.
        seconds: how long it took.
    """

    name: str
    about: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    seconds: float

    @property
    def corrects(self) -> bool:
        """Whether a form was shown to be wrong and another to be right."""
        return any(v.refutes for v in self.verdicts) and not all(v.refutes for v in self.verdicts)

    def __str__(self) -> str:
        return "\n".join(str(verdict) for verdict in self.verdicts)

    def __repr__(self) -> str:
        return str(self)


def claim(*about: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Mark a function as a check that the ledger may name.

    The function takes nothing and yields (or returns) verdicts and corrections.

    Args:
        *about: what it settles: errata such as ``E34``, or equations of a document.

    Returns:
        The decorator, which leaves the function as it is.

    Raises:
        ConfigurationError: nothing is named.
    """
    if not about or not all(isinstance(item, str) for item in about):
        raise ConfigurationError(
            'a claim needs what it settles: write @claim("E34"), one or more names'
        )

    def mark(function: Callable[[], Any]) -> Callable[[], Any]:
        function.about = about  # type: ignore[attr-defined]
        return function

    return mark


def names(package: str = CLAIMS) -> tuple[str, ...]:
    """Every check that the ledger may name.

    Args:
        package: where the modules with checks lie.

    Returns:
        ``module:function``, sorted.
    """
    modules = _modules(package)
    return tuple(
        f"{module}:{name}" for module in modules for name in sorted(_marked(_load(package, module)))
    )


def named(name: str, package: str = CLAIMS) -> Callable[[], Any]:
    """The check of a name.

    Args:
        name: ``module:function``.
        package: where the modules with checks lie.

    Returns:
        The function; :func:`run` calls it and gathers its verdicts.

    Raises:
        ConfigurationError: there is no such check.
    """
    module, _, function = str(name).partition(":")
    modules = _modules(package)
    if module not in modules or not function:
        raise ConfigurationError(
            f"no check is called {name!r} (module:function): for its module {nearest(module, modules)}"
        )
    marked = _marked(_load(package, module))
    if function not in marked:
        raise ConfigurationError(f"{module} has no check {function!r}: {nearest(function, marked)}")
    return marked[function]


def run(name: str, package: str = CLAIMS) -> Outcome:
    """Run the check of a name.

    Args:
        name: ``module:function``.
        package: where the modules with checks lie.

    Returns:
        Its verdicts, all of which passed.

    Raises:
        CheckFailed: a verdict did not pass.
        CheckRefused: something cannot be decided.
        ConfigurationError: there is no such check, or it showed nothing.
    """
    function = named(name, package)
    start = time.perf_counter()
    verdicts = tuple(_flat(name, function()))
    if not verdicts:
        raise ConfigurationError(f"check {name!r} shows nothing: yield at least one verdict")
    return Outcome(name, function.about, verdicts, time.perf_counter() - start)  # type: ignore[attr-defined]


def _modules(package: str) -> list[str]:
    return sorted(
        module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)
    )


def _load(package: str, module: str) -> ModuleType:
    return importlib.import_module(f"{package}.{module}")


def _marked(module: ModuleType) -> dict[str, Callable[[], Any]]:
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(getattr(value, "about", None), tuple)
        and getattr(value, "__module__", None) == module.__name__
    }


def _flat(name: str, shown: Any) -> Iterable[Verdict]:
    """Verdicts out of a verdict, a correction, or any nesting of them."""
    if isinstance(shown, Sweep):
        shown = shown.verdict
    if isinstance(shown, Verdict):
        if not shown.passed:
            raise ConfigurationError(f"check {name!r} holds back a failure: {shown}")
        yield shown
    elif isinstance(shown, Correction) or (
        hasattr(shown, "__iter__") and not isinstance(shown, str)
    ):
        for item in shown:
            yield from _flat(name, item)
    else:
        raise ConfigurationError(f"check {name!r} gives {type(shown).__name__}: yield verdicts")
