"""One job of a sweep: ``python sweeps/work.py PLAN JOB``. The workflow calls it, on any node.

A finished run is left as it is, a killed one goes on from its checkpoint. A run that another
process still holds, such as one whose workflow was killed, is waited for.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finished import is_finished

ROOT = Path(__file__).resolve().parent.parent
PAUSE = 2.0
"""Seconds between two looks at a folder that is in use."""


def work(job: dict[str, Any], locks: Path) -> None:
    """Run what a job has left to run.

    Args:
        job: of the plan.
        locks: folder of the locks of this machine's GPUs.
    """
    if all(map(is_finished, job["runs"])):
        print(f"{job['name']} is finished", flush=True)
        return
    with _gpu(job["gpu"], locks):
        for one in job["runs"]:
            _wait(Path(one["folder"]))
        # Whoever held the folders may have done the work.
        if not all(map(is_finished, job["runs"])):
            _run(job)


def _run(job: dict[str, Any]) -> None:
    """Make the run of a job, or its runs as one ensemble."""
    from vsclib.runs import Experiment, run, run_many

    first = job["runs"][0]
    kept = Path(first["folder"]).glob("t*.safetensors")  # training, or together
    if any(kept):
        print(f"{job['name']} goes on from its checkpoint", flush=True)
    asked = [
        Experiment.of(**one["parameters"], folder=one["folder"], threads=job["threads"])
        for one in job["runs"]
    ]
    if len(asked) > 1:
        run_many(asked, progress=False)
    elif first["page"]:
        _page(asked[0], Path(first["page"]), first["page_title"])
    else:
        run(asked[0], progress=False)


def _page(experiment: Any, page: Path, title: str) -> None:
    """Run an experiment through its notebook, and put that among the book's pages."""
    sys.path.append(str(ROOT / "results"))
    from reproduce import publish

    from vsclib.runs import execute

    notebook = ROOT / "notebooks" / "experiments" / f"{experiment.kind}.ipynb"
    publish(execute(experiment, notebook, progress=False), page, title)


def _wait(folder: Path) -> None:
    """Come back when no other process is at work in a folder."""
    from vsclib.errors import CheckpointError
    from vsclib.files import check_writable, lock

    check_writable(folder / "record.json")
    said = False
    while True:
        try:
            with lock(folder):
                return
        except CheckpointError as error:
            if not said:
                print(f"{error}; waiting for it", flush=True)
            said = True
            time.sleep(PAUSE)


@contextlib.contextmanager
def _gpu(count: int, locks: Path) -> Iterator[None]:
    """Let this process see one GPU that no other job of this machine has, or none."""
    if "SLURM_JOB_ID" in os.environ and count:
        # The cluster has given the job its own.
        yield
        return
    if not count:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        yield
        return
    from plan import gpus

    from vsclib.errors import CheckpointError, ConfigurationError
    from vsclib.files import lock

    found = gpus()
    if not found:
        raise ConfigurationError("gpu = 1 is asked for, but this machine has none: ask for gpu = 0")
    while True:
        for name in found:
            with contextlib.ExitStack() as held:
                try:
                    held.enter_context(lock(locks / f"gpu-{name}"))
                except CheckpointError:
                    continue
                os.environ["CUDA_VISIBLE_DEVICES"] = name
                yield
                return
        time.sleep(PAUSE)


def main() -> int:
    """Read the command line and do that job."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    (job,) = [job for job in plan["jobs"] if job["name"] == sys.argv[2]]
    try:
        work(job, Path(plan["folder"]).parents[1] / "locks")
    except Exception as error:
        from vsclib.errors import VsclibError

        if not isinstance(error, VsclibError):
            raise
        print(f"{job['name']}: {error}", file=sys.stderr)
        return 1
    marked = Path(plan["folder"], "finished", job["name"])
    marked.parent.mkdir(parents=True, exist_ok=True)
    marked.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
