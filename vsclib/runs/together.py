"""Many runs as one ensemble: trained together, each measured and recorded as if it were alone."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vsclib import data, records
from vsclib.errors import ConfigurationError, DataError, TrainingError
from vsclib.files import check_writable, lock
from vsclib.runs.experiment import Experiment
from vsclib.runs.provenance import provenance
from vsclib.runs.run import Run, begin, conclude, recorded
from vsclib.training import fit_many

SHARED = ("kind", "dataset", "binarise", "data_root", "model", "device", "threads")
"""What the members of an ensemble have in common, beside what their training must share."""


def run_many(experiments: Sequence[Experiment], *, progress: bool = True) -> list[Run | None]:
    """Train many experiments as one ensemble, then measure and record each as :func:`run` does.

    The checkpoint of all, ``together.safetensors``, lies in the first one's folder: the same call
    goes on from there. A member that is done already is not measured again, and its place in the
    result is None. The record of each says how many were trained with it.

    Args:
        experiments: what to run, of one data set and one family, with other folders.
        progress: show the training's progress, and a line for each record.

    Returns:
        The finished runs in the order of the experiments.

    Raises:
        CheckpointError: a folder holds another run, another process is at work in one, or one
            cannot be written.
        ConfigurationError: the experiments cannot train together, by name.
        DataError: the data set is missing, or its images do not fit.
        TrainingError: members whose loss is no finite number, named when all others are done.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     asked = [Experiment.of(model="vae", latents=2, hidden=8, steps=2, seed=seed,
        ...                            measures="quick", folder=f"{place}/{seed}")
        ...              for seed in (0, 1)]
        ...     done = run_many(asked, progress=False)
        >>> [one.record["training"]["together"] for one in done]
        [2, 2]
    """
    check_together(experiments)
    for experiment in experiments:
        check_writable(experiment.path / "record.json")
    with contextlib.ExitStack() as held:
        # In one order everywhere, so that no two processes wait for one another.
        for folder in sorted(experiment.path for experiment in experiments):
            held.enter_context(lock(folder))
        return _run_many(experiments, progress)


def _run_many(experiments: Sequence[Experiment], progress: bool) -> list[Run | None]:
    done = [is_done(experiment) for experiment in experiments]
    if all(done):
        return [None] * len(experiments)
    for experiment, one in zip(experiments, done, strict=True):
        if not one:
            begin(experiment)
    first = experiments[0]
    images = data.load(first.dataset, first.data_root, first.binarise)
    trainings = [experiment.training(len(images.train.images)) for experiment in experiments]
    for training in trainings:
        training.progress, training.checkpoint = progress, None
    origin, members = provenance(trainings[0].device), [one.make_model() for one in experiments]
    found = fit_many(members, images, trainings, checkpoint=first.path / "together.safetensors")
    sizes = {place: len(part) for part in found.parts for place in part}
    runs: list[Run | None] = []
    for place, experiment in enumerate(experiments):
        if done[place] or place in found.diverged:
            runs.append(None)
            continue
        more: dict[str, Any] = {"together": sizes[place], "parts": len(found.parts)}
        given = (images, trainings[place], found.histories[place], origin)
        runs.append(conclude(experiment, members[place], *given, **more))
        if progress:
            print(f"{experiment.title}: the record is {experiment.path / 'record.json'}")
    if found.diverged:
        names = [f"{experiments[place].title} ({text})" for place, text in found.diverged.items()]
        raise TrainingError(f"{'; '.join(names)}: all others are done")
    return runs


def check_together(experiments: Sequence[Experiment]) -> None:
    """Refuse experiments that cannot be one ensemble, or would write to the same folder.

    What their models and trainings must share :func:`vsclib.training.fit_many` says.

    Raises:
        ConfigurationError: naming what differs.
    """
    if not experiments:
        raise ConfigurationError("experiments = [] is not allowed: give at least one")
    for name in SHARED:
        values = [getattr(experiment, name) for experiment in experiments]
        for value in values:
            if value != values[0]:
                raise ConfigurationError(
                    f"experiments differ in {name} = {values[0]!r}, {value!r}: an ensemble shares "
                    "it, so run them apart"
                )
    if experiments[0].kind != Experiment.kind:
        raise ConfigurationError(f"{experiments[0].called} trains alone: call run")
    paths: list[Path] = [experiment.path.resolve() for experiment in experiments]
    for path in paths:
        if paths.count(path) > 1:
            raise ConfigurationError(f"{path} is the folder of two experiments: name another")


def is_done(experiment: Experiment) -> bool:
    """Whether a run's folder says that it is done, with the measures that are asked for."""
    try:
        former: dict[str, Any] = records.load(experiment.path)["experiment"]
    except DataError:
        return False
    # A parameter newer than the record had its default. JSON knows no tuples.
    former = json.loads(json.dumps(recorded(type(experiment)()))) | former
    asked = json.loads(json.dumps(recorded(experiment)))
    return former == asked and (experiment.path / "done.json").is_file()
