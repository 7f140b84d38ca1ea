"""How much memory does a training hold at most?

Every training has a process of its own, since a process never tells when it gives memory back. The
import of PyTorch and the library is told beside it.
"""

from typing import Any

from benchmarks import ours
from benchmarks.processes import training_process
from benchmarks.setting import Setting

TRAININGS: dict[str, dict[str, Any]] = {
    "vae, 6,000 images": {"model": "vae", "images": 6_000},
    "vae": {"model": "vae"},
    "vsc": {"model": "vsc"},
    "vsc, batch 500": {"model": "vsc", "batch_size": 500},
    "vsc, 800 latents": {"model": "vsc", "sizes": {"latents": 800, "hidden": 400}},
    "vsc, ensemble of 8": {"model": "vsc", "members": 8},
    "sparse_generator": {"model": "sparse_generator"},
}


def measure(setting: Setting) -> dict[str, Any]:
    """Peak of every training, in megabytes of 2^20 bytes."""
    found, skipped = {}, {}
    for name, changes in list(TRAININGS.items())[: 1 if setting.quick else None]:
        reason = ours.has_ensembles() if "members" in changes else None
        if reason:
            skipped[name] = reason
            continue
        found[name] = peak(setting, changes)
    return {"megabytes": found} | ({"skipped": skipped} if skipped else {})


def peak(setting: Setting, changes: dict[str, Any]) -> dict[str, float]:
    """Peak of one training after two turns, and before its data were read."""
    asked = {
        "dataset": setting.dataset,
        "sizes": {"latents": setting.latents, "hidden": setting.hidden},
        "batch_size": 100,
        "steps": 3,
        **changes,
    }
    contestant = training_process(asked)
    try:
        for _ in range(2):
            contestant.turn()
    finally:
        contestant.close()
    last = contestant.last
    return {
        "at_most": round(last["megabytes"]),
        "after_import": round(last["megabytes_before"]),
    }
