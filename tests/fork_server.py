"""A process that computes nothing itself and forks for each piece of grading that it is asked for.

What answers and judges import is imported once. A process that has computed gradients cannot be
forked for more of them, so the tests' own process, which has, asks this one: a line of JSON in, a
line of JSON out.
"""

import base64
import io
import json
import os
import select
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout

import grading.truth  # noqa: F401
import IPython.core.interactiveshell  # noqa: F401
import mpmath  # noqa: F401
import scipy.stats  # noqa: F401
import sympy  # noqa: F401
import torch  # noqa: F401
from grading import inside, scoring

import vsclib.checks
import vsclib.data
import vsclib.models  # noqa: F401


def visible() -> None:
    """Run a notebook from top to bottom and say which visible tests fail."""
    work = json.loads(sys.stdin.buffer.read())
    space: dict = {"__name__": "__main__"}
    failed = []
    for cell in work["content"]["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] != "code" or "shown" in cell["metadata"].get("tags", []):
            continue
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                exec(compile("".join(cell["source"]), about.get("grade_id", "own"), "exec"), space)
        except Exception:
            if about.get("grade"):
                failed.append(about["grade_id"])
        if work["first"] and failed:
            break
    print(json.dumps(failed))


MAINS: dict[str, Callable[[], None]] = {
    "grading.inside": inside.main,
    "grading.scoring": scoring.main,
    "visible": visible,
}


def in_fork(module: str, arguments: list[str], stdin: bytes, seconds: float) -> dict:
    """A module's ``main`` with its input, in a fork that is killed when its time is over."""
    read_end, write_end = os.pipe()
    work_read, work_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(work_write)
        os.close(read_end)
        work(module, arguments, work_read, write_end)
    os.close(write_end)
    os.close(work_read)
    with os.fdopen(work_write, "wb") as file:
        file.write(stdin)
    output, end = bytearray(), time.monotonic() + seconds
    while time.monotonic() < end:
        ready, _, _ = select.select([read_end], [], [], 0.5)
        if ready:
            piece = os.read(read_end, 65536)
            if not piece:
                break
            output += piece
    stopped = "" if time.monotonic() < end else f"took more than {seconds:.0f} seconds"
    if stopped:
        os.kill(child, 9)
    os.close(read_end)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    text = base64.b64encode(bytes(output)).decode()
    return {"output": text, "stopped": stopped, "status": status}


def work(module: str, arguments: list[str], stdin: int, stdout: int) -> None:
    """The fork: does its work and never comes back."""
    try:
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
        os.close(stdout)
        sys.stdin, sys.stdout = os.fdopen(0, "r"), os.fdopen(1, "w")
        sys.argv = [module, *arguments]
        MAINS[module]()
        sys.stdout.flush()
    except BaseException:  # as a process of its own would end
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Answer until nobody asks."""
    for line in sys.stdin:
        job = json.loads(line)
        stdin = base64.b64decode(job["stdin"])
        said = in_fork(job["module"], job["arguments"], stdin, job["seconds"])
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
