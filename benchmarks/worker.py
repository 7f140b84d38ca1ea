"""A training of the library in a process of its own, and the most memory that it took.

python -m benchmarks.worker '{"dataset": "mnist", "images": 60000, ...}'
"""

import json
import sys
from typing import Any

import torch

from benchmarks.answering import answer
from benchmarks.ours import alone, together
from benchmarks.setting import Setting


def peak_megabytes() -> float:
    """The most memory that this process has held; without /proc what the system counts."""
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            found = next(line for line in lines if line.startswith("VmHWM"))
        return int(found.split()[1]) / 1024
    except (OSError, StopIteration):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def main() -> None:
    """Train turn by turn as the argument says."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    torch.set_num_threads(asked.get("threads", 1))
    before = peak_megabytes()
    setting = Setting(asked["dataset"])
    images = setting.images()[: asked.get("images")]
    network = setting.network(images, **asked["sizes"])
    arguments = (asked["model"], images, asked["batch_size"], asked["steps"], network)
    members, changes = asked.get("members", 1), asked.get("changes", {})
    if members == 1:
        contestant = alone(*arguments, **changes)
    else:
        contestant = together(*arguments, members, **changes)
    answer(
        lambda: (
            contestant.turn()._asdict()
            | {"megabytes": peak_megabytes(), "megabytes_before": before}
        )
    )
    contestant.close()


if __name__ == "__main__":
    main()
