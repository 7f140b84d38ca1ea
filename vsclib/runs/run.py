"""A run: train, save the model, measure, write the record, say that it is done."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch

from vsclib import data, records
from vsclib.files import check_writable, lock, write_text
from vsclib.metrics import Evaluation
from vsclib.models import Trainable
from vsclib.records import Record
from vsclib.runs.experiment import Experiment
from vsclib.runs.provenance import now, provenance
from vsclib.training import History, TrainingConfig, fit


class Run(NamedTuple):
    """A finished run: its model on the CPU, and the path of ``record.json`` among its files."""

    experiment: Experiment
    model: Any
    history: History
    data: data.DataSet
    record: Record
    path: Path


def run(experiment: Experiment, *, progress: bool = True) -> Run:
    """Train, save the model, measure it, write the record, and the done file last.

    A run that was killed resumes from its checkpoint, to the same weights bit for bit. A finished
    one is measured again and not trained again: to train it afresh, delete its folder.

    Raises:
        CheckpointError: the folder holds another run or training, another process is at work in it,
            or it cannot be written.
        ConfigurationError: the device is absent.
        DataError: the data set is missing, or its images do not fit.
        TrainingError: the loss is no finite number.
    """
    check_writable(experiment.path / "record.json")
    with lock(experiment.path):
        return _run(experiment, progress)


def _run(experiment: Experiment, progress: bool) -> Run:
    begin(experiment)
    images = data.load(experiment.dataset, experiment.data_root, experiment.binarise)
    training = experiment.training(len(images.train.images))
    training.progress = progress
    origin = provenance(training.device)
    model = experiment.make_model()
    if progress:
        _announce(experiment, model, images, training)
    history = fit(model, images, training)
    if progress:
        print(f"{training.steps:,} steps in {history.seconds:.0f} s; now the measures")
    return conclude(experiment, model, images, training, history, origin)


def begin(experiment: Experiment) -> None:
    """Make a folder, which this process holds, ready for a run: it says no longer that it is done.

    Raises:
        CheckpointError: the folder holds another run.
    """
    experiment.require_same(experiment.path / "record.json")
    (experiment.path / "done.json").unlink(missing_ok=True)
    if experiment.threads:
        torch.set_num_threads(experiment.threads)


def conclude(
    experiment: Experiment,
    model: Any,
    images: data.DataSet,
    training: TrainingConfig,
    history: History,
    origin: dict[str, Any],
    **more: Any,
) -> Run:
    """Save a trained model, measure it, write its record, and the done file last.

    Args:
        experiment: what was run.
        model: as the training left it.
        images: the data set.
        training: how it was trained.
        history: what the training looked like.
        origin: where the run comes from, of its start.
        **more: what else the record says of the training.
    """
    folder = experiment.path
    done, path = folder / "done.json", folder / "record.json"
    experiment.save(model, folder / "model.safetensors")
    evaluation, sections = experiment.measure(model, images)
    training_section = _training(training, history, len(images.train.images))
    sections |= {
        "training": training_section | _precision(model) | more,
        "dataset": {"name": images.name, "sha256": images.sha256},
        "provenance": origin,
    }
    write_record(experiment, evaluation, **sections)
    files = {"record": "record.json", "model": "model.safetensors"}
    write_text(done, json.dumps(files) + "\n")
    return Run(experiment, model.cpu(), history, images, records.load(path), path)


def write_record(experiment: Experiment, evaluation: Evaluation, **sections: Any) -> Path:
    """Write ``record.json`` of a finished run to its folder, atomically; gives its path.

    Args:
        experiment: what was run.
        evaluation: its numbers, and why some are not there.
        **sections: further parts, such as ``training`` and ``provenance``.
    """
    sentences = records.sentences_of(experiment.kind)
    record = {
        "schema": records.SCHEMA,
        "name": experiment.title,
        "kind": experiment.kind,
        "experiment": recorded(experiment),
        "metrics": evaluation.numbers,
        "not_measured": evaluation.not_measured,
        "definitions": {name: records.digest(sentences[name]) for name in evaluation.numbers},
        **sections,
        "finished": now(),
    }
    path = experiment.path / "record.json"
    records.store(record, path)
    return path


def recorded(experiment: Experiment) -> dict[str, Any]:
    """What a record says of an experiment: folders are this machine's own business."""
    beside = ("folder", "data_root")
    return {name: v for name, v in experiment.as_dict().items() if name not in beside}


def _announce(
    experiment: Experiment, model: Trainable, images: data.DataSet, training: TrainingConfig
) -> None:
    weights = sum(weight.numel() for weight in model.parameters())
    train, test = len(images.train.images), len(images.test.images)
    print(f"{experiment.title}: {model.name} with {weights:,} weights")
    print(f"{images.name}: {train:,} training and {test:,} test images")
    print(f"{training.steps:,} steps of {training.batch_size} images on {training.device}")


def _training(training: TrainingConfig, history: History, images: int) -> dict[str, Any]:
    """What the record says of the training."""
    epoch = images // training.batch_size
    per_epoch = history.cpu_seconds * epoch / max(1, training.steps)
    return {
        "steps": training.steps,
        "batch_size": training.batch_size,
        "seconds": round(history.seconds, 1),
        "cpu_seconds_per_epoch": round(per_epoch, 2),
        "precision": training.precision,
        "compiled": history.compiled,
        "loss": history.terms["total"][-1] if history.steps else None,
        "curve": _curve(history),
    }


def _precision(model: Trainable) -> dict[str, str]:
    """The precision of a generator's inference in training, where ``auto`` is decided."""
    used = getattr(model, "trained_precision", None)
    return {"inference_precision": used} if used else {}


def _curve(history: History) -> dict[str, Any]:
    """The history as a record holds it: six digits of each value, None where it is no number."""
    curve: dict[str, Any] = {"steps": history.steps, "terms": history.terms}
    return _rounded(curve | ({"validation": history.validation} if history.validation else {}))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
