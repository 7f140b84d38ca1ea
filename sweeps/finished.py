"""Which runs of a plan are finished: asked of their own files, without the library.

A run is finished when its done file, which is written last, is there and its record tells of the
run that is asked for.
"""

import json
from pathlib import Path
from typing import Any

HOW_ONLY = ("name", "device", "threads", "checkpoint_every")
"""Parameters that change nothing in a record's numbers."""


def deciding(experiment: dict[str, Any]) -> dict[str, Any]:
    """A record's or a plan's experiment without what only says how it is run."""
    return {name: value for name, value in experiment.items() if name not in HOW_ONLY}


def is_finished(run: dict[str, Any]) -> bool:
    """Whether a run of a plan has nothing left to do, its page included."""
    folder = Path(run["folder"])
    try:
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        same = deciding(record["experiment"]) == deciding(run["experiment"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    page = run["page"] is None or Path(run["page"]).is_file()
    return same and page and (folder / "done.json").is_file()


def mark(plan: dict[str, Any]) -> int:
    """Make the marks that the workflow looks at say what the runs' own files say.

    Returns:
        How many jobs are finished.
    """
    folder, count = Path(plan["folder"]) / "finished", 0
    folder.mkdir(parents=True, exist_ok=True)
    for job in plan["jobs"]:
        marked, done = folder / job["name"], all(map(is_finished, job["runs"]))
        count += done
        if done and not marked.exists():
            marked.touch()
        if not done:
            marked.unlink(missing_ok=True)
    return count
