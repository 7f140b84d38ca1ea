"""Checks by name: an entry of the ledger says ``module:function``; this finds and runs it.

A check is a public function without parameters in a module of :mod:`ledger.checks`. It yields (or
returns) verdicts and corrections. Which claims it settles is said in the ledger's entries alone.
"""

import importlib
import inspect
import pkgutil
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ledger.entries import Ledger
from vsclib.checks import Correction, Sweep, Verdict
from vsclib.errors import ConfigurationError, nearest

CHECKS = "ledger.checks"


class Outcome(NamedTuple):
    """What a check showed.

    Attributes:
        name: ``module:function``.
        verdicts: every verdict, in the order in which they were reached; all passed.
        seconds: how long it took.
    """

    name: str
    verdicts: tuple[Verdict, ...]
    seconds: float

    @property
    def corrects(self) -> bool:
        """Whether a form was shown to be wrong and another to be right."""
        return self.refutes and not all(verdict.refutes for verdict in self.verdicts)

    @property
    def refutes(self) -> bool:
        """Whether a form was shown to be wrong."""
        return any(verdict.refutes for verdict in self.verdicts)

    def __str__(self) -> str:
        return "\n".join(str(verdict) for verdict in self.verdicts)

    def __repr__(self) -> str:
        return str(self)


def names(package: str = CHECKS) -> tuple[str, ...]:
    """Every check there is.

    Args:
        package: where the modules with checks lie.

    Returns:
        ``module:function``, sorted.
    """
    return tuple(
        f"{module}:{function}"
        for module in _modules(package)
        for function in sorted(_functions(package, module))
    )


def named(name: str, package: str = CHECKS) -> Callable[[], Any]:
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
            f"no check is called {name!r} (module:function): "
            f"for its module {nearest(module, modules)}"
        )
    functions = _functions(package, module)
    if function not in functions:
        raise ConfigurationError(
            f"{module} has no check {function!r}, a public function without parameters: "
            f"{nearest(function, functions)}"
        )
    return functions[function]


def run(name: str, package: str = CHECKS) -> Outcome:
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
    return Outcome(name, verdicts, time.perf_counter() - start)


def require_match(ledger: Ledger, package: str = CHECKS) -> None:
    """Refuse a ledger that names a missing check, and a check that the ledger does not name.

    Args:
        ledger: the entries.
        package: where the modules with checks lie.

    Raises:
        ConfigurationError: one of the two; the message names the first.
    """
    used = ledger.checks
    for check, (first, *_) in used.items():
        try:
            named(check, package)
        except ConfigurationError as error:
            raise ConfigurationError(f"{first}: {error}") from None
    for check in names(package):
        if check not in used:
            raise ConfigurationError(
                f"no entry of the ledger names the check {check!r}: write 'check: {check}' "
                "into the entry that it settles, or begin a helper's name with an underscore"
            )


def _modules(package: str) -> list[str]:
    path = importlib.import_module(package).__path__
    return sorted(module.name for module in pkgutil.iter_modules(path))


def _functions(package: str, module: str) -> dict[str, Callable[[], Any]]:
    """The checks of a module, by name; what it imports from another one is not its own."""
    loaded = importlib.import_module(f"{package}.{module}")
    return {
        name: value
        for name, value in vars(loaded).items()
        if inspect.isfunction(value)
        and value.__module__ == loaded.__name__
        and not name.startswith("_")
        and not inspect.signature(value).parameters
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
