"""Names of runs: what one may be, and the one that a run gets by itself."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from vsclib.errors import ConfigurationError

LONGEST_NAME = 100
"""Characters of a default name; what is longer ends in a fingerprint of the whole."""
_NAME = re.compile(r"\w([\w.+=,-]{0,118}\w)?")


def check_name(name: str, field: str = "name") -> None:
    """Refuse a name that is no plain name of a file: it would lead out of the folder of runs.

    Args:
        name: of a run.
        field: the parameter that holds it, for the message.

    Raises:
        ConfigurationError: it is empty, holds something else than letters, digits and ``_.+=,-``,
            begins or ends with a sign, or is longer than 120 characters.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{field} = {name!r} is not allowed: choose 1 to 120 letters, digits and _.+=,- without"
            " a sign at either end; None takes the default, and folder says where a run writes"
        )


def default_name(stem: str, changed: Mapping[str, Any], seed: int) -> str:
    """The name of a run that was given none: it holds what differs from the defaults.

    Args:
        stem: model and data set.
        changed: the options that differ, in any order.
        seed: of the run, at the end of the name.

    Returns:
        A name that is safe for a file, the same in every process.

    Example:
        >>> default_name("vsc-digits", {"steps": 20, "alpha": 0.05}, seed=0)
        'vsc-digits-alpha0.05-steps20-seed0'
    """
    parts = [stem, *(_part(name, value) for name, value in sorted(changed.items()))]
    name, end = "-".join(map(_safe, parts)), f"-seed{seed}"
    if len(name) + len(end) > LONGEST_NAME:
        # Cut at a hyphen: half a number would be another number.
        kept = name[: LONGEST_NAME - len(end) - 9].rpartition("-")[0]
        name = f"{kept}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name + end


def _part(name: str, value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{name}{value!r}"
    if isinstance(value, tuple | list):
        return name + "x".join(map(str, value))
    return f"{name}-{json.dumps(value) if isinstance(value, dict) else value}"


def _safe(text: str) -> str:
    """The text with a hyphen in the place of whatever a file's name had better not hold."""
    return re.sub(r"[^\w.+=]+", "-", text).strip("-.+=")
