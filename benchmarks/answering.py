"""The other side of ``processes``: answers every line with a turn. It imports nothing."""

import json
import sys
from collections.abc import Callable
from typing import Any


def answer(turn: Callable[[], dict[str, Any]]) -> None:
    """Say that all is ready, then take a turn for every line that comes."""
    # What a library prints goes elsewhere: this end of the pipe is for answers.
    out, sys.stdout = sys.stdout, sys.stderr
    print("ready", file=out, flush=True)
    for _ in sys.stdin:
        print("turn " + json.dumps(turn()), file=out, flush=True)
