"""How fast is ``fit`` against loops that a script would have, and against pythae's trainer?"""

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import loops, ours, products
from benchmarks.environment import Unavailable, python_with_pythae
from benchmarks.processes import HERE, Elsewhere, ProcessFailed
from benchmarks.setting import Setting
from benchmarks.turns import Contestant, Rounds, against_goal, alternate, described, times_faster

OURS, COMPILED = "fit", "fit, compiled"
PIL, TENSOR, PYTHAE = "loop over PIL images", "loop over a tensor", "pythae's trainer"
GOALS = {
    ("vae", 100, PYTHAE): 2.0,
    ("vae", 500, PYTHAE): 1.5,
    ("vsc", 100, PIL): 2.5,
    ("vsc", 100, TENSOR): 1.6,
}
"""How many times faster ours is to be, by model, batch size and the other."""
SAME_LOSS = 0.03
"""Largest share by which the loss of the last round may differ from that of ``fit``."""
BATCH_SIZES = (100, 500)


def measure(setting: Setting) -> dict[str, Any]:
    """Every model and batch size; the loops' losses are held against ours."""
    images, skipped = setting.images(), {}
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npy"
        np.save(file, images)
        for model in loops.PLAIN:
            for batch_size in BATCH_SIZES:
                made, reasons = contestants(setting, model, images, batch_size, file)
                skipped |= reasons
                rounds = alternate(made, setting.rounds)
                found[f"{model} {batch_size}"] = compared(rounds, model, batch_size, setting.quick)
    return {"comparisons": found, "skipped": skipped}


def contestants(
    setting: Setting, model: str, images: np.ndarray, batch_size: int, file: Path
) -> tuple[dict[str, Contestant], dict[str, str]]:
    """Who takes part, and why who does not."""
    steps, network = setting.turn_steps(batch_size), setting.network(images)
    sizes = (setting.latents, setting.hidden)
    rest = (images, batch_size, steps, network)
    made: dict[str, Contestant] = {OURS: ours.alone(model, *rest)}
    skipped = {}
    reason = "a quick run compiles nothing" if setting.quick else ours.compiles()
    if reason:
        skipped[COMPILED] = reason
    else:
        made[COMPILED] = ours.compiled(model, *rest)
    for name, batches in ((PIL, loops.pil_batches), (TENSOR, loops.tensor_batches)):
        made[name] = loops.PlainLoop(model, batches, images, batch_size, *sizes, steps)
    layers = products.layers(images[0].size, *sizes, products.HEADS[model])
    made[products.PRODUCTS] = products.products_alone(layers, batch_size, steps)
    if model == "vae":
        asked = {"file": str(file), "batch_size": batch_size, "steps": steps}
        asked |= {"latents": setting.latents, "hidden": setting.hidden}
        with noted(skipped, PYTHAE):
            if setting.quick:
                raise Unavailable("a quick run installs nothing")
            made[PYTHAE] = pythae(asked)
    return made, skipped


def pythae(asked: dict[str, Any]) -> Elsewhere:
    """pythae's trainer as a contestant.

    Raises:
        Unavailable: there is none.
    """
    python = python_with_pythae()
    trainer = Elsewhere([str(python), str(HERE / "pythae_worker.py")], asked)
    try:
        trainer.ready()
    except ProcessFailed as error:
        raise Unavailable(f"pythae's trainer fails: {error}") from error
    return trainer


@contextlib.contextmanager
def noted(skipped: dict[str, str], name: str) -> Any:
    """Note why something is left out, and go on."""
    try:
        yield
    except Unavailable as error:
        skipped[name] = str(error)


def compared(rounds: Rounds, model: str, batch_size: int, quick: bool = False) -> dict[str, Any]:
    """The table of one comparison: ratios to the fastest form of ours, goals, and the losses.

    Raises:
        ValueError: a loss ends elsewhere than that of ``fit``: it is another training.
    """
    best = COMPILED if COMPILED in rounds else OURS
    rows = described(rounds, batch_size)
    for name in rounds:
        if name != best:
            ratio = times_faster(rounds, best, name)
            goal = None if quick else GOALS.get((model, batch_size, name))
            rows[name]["ours_is_faster_by"] = against_goal(ratio, goal) if goal else ratio
    if not quick:
        check_losses(rows, model)
    return {"ours": best, "rows": rows}


def check_losses(rows: dict[str, Any], model: str, allowed: float = SAME_LOSS) -> None:
    """Refuse loops that learn something else than ``fit`` does."""
    wanted = rows[OURS]["last_loss"]
    for name, row in rows.items():
        # The products alone learn nothing.
        if abs(row.get("last_loss", wanted) - wanted) > allowed * wanted:
            raise ValueError(
                f"{model}: the loss of {name!r} ends at {row['last_loss']:g} nats, that of fit at "
                f"{wanted:g}: they must agree within {allowed:.0%}, or they train something else"
            )
