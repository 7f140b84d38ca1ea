"""What may look at a training while it runs: logs, early stopping, the best weights.

After a resume the records before it are told again, with ``model`` None: a log is whole, nothing
stands in it twice, and what counts records goes on counting.
"""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from vsclib import checkpoints
from vsclib.errors import ConfigurationError
from vsclib.files import check_writable, disk_errors, file_path, write_text
from vsclib.models import Trainable


class Progress(NamedTuple):
    """A record of a training.

    Attributes:
        step: updates so far.
        steps: updates in all.
        terms: every term of the loss and ``total``, means since the record before.
        validation: the same of the validation images; empty without any.
        model: what is trained, in training mode; None for a record told again after a resume.
    """

    step: int
    steps: int
    terms: dict[str, float]
    validation: dict[str, float]
    model: Trainable | None

    def watched(self, term: str) -> float:
        """A term of the validation loss, or of the training loss without validation.

        Raises:
            ConfigurationError: the loss has no such term.
        """
        values = self.validation or self.terms
        if term not in values:
            raise ConfigurationError(
                f"term = {term!r} is not in this loss: choose one of {', '.join(sorted(values))}"
            )
        return values[term]


@runtime_checkable
class Callback(Protocol):
    """Anything with a ``record``; ``fit`` calls it at every record."""

    def record(self, progress: Progress) -> bool | None:
        """Take a record; True ends the training after this step."""


class CSVLog:
    """A line for every record in a CSV file, which begins anew with each training.

    Args:
        path: the file.

    Raises:
        CheckpointError: it cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = file_path(path)
        check_writable(self.path)
        self.last = math.inf

    def record(self, progress: Progress) -> None:
        """Write a line, and the names of the columns above the first."""
        validation = {f"validation_{name}": value for name, value in progress.validation.items()}
        row = {"step": progress.step} | progress.terms | validation
        if progress.step <= self.last:
            write_text(self.path, "")
        with (
            disk_errors(self.path),
            self.path.open("a", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, row, lineterminator="\n")
            if progress.step <= self.last:
                writer.writeheader()
            writer.writerow(row)
        self.last = progress.step


class TensorBoard:
    """Every record in a folder that TensorBoard shows.

    Args:
        folder: of the event files.

    Raises:
        ConfigurationError: the package ``tensorboard`` is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ConfigurationError(
                "TensorBoard needs the package tensorboard, which is not installed: "
                "pip install tensorboard, or log with CSVLog(path)"
            ) from None
        # Records that an ended run wrote are told again: the earlier ones are hidden.
        self.writer: Any = SummaryWriter(str(Path(folder).expanduser()), purge_step=0)

    def record(self, progress: Progress) -> None:
        """Write each term as a curve, under ``training/`` and ``validation/``."""
        for kind, values in (("training", progress.terms), ("validation", progress.validation)):
            for name, value in values.items():
                self.writer.add_scalar(f"{kind}/{name}", value, progress.step)
        self.writer.flush()


class EarlyStopping:
    """End a training whose loss falls no more.

    Args:
        patience: records without a new lowest loss after which it ends.
        term: of the validation loss, or of the training loss without validation.
        least_gain: by how much a loss must lie below the lowest so far.

    Raises:
        ConfigurationError: ``patience`` < 1 or ``least_gain`` < 0.
    """

    def __init__(self, patience: int, term: str = "total", least_gain: float = 0.0) -> None:
        if patience < 1:
            raise ConfigurationError(f"patience = {patience} is not allowed: choose patience >= 1")
        if not 0 <= least_gain < math.inf:
            raise ConfigurationError(
                f"least_gain = {least_gain:g} is not allowed: choose least_gain >= 0"
            )
        self.patience, self.term, self.least_gain = patience, term, least_gain
        self.lowest, self.waited, self.last = math.inf, 0, math.inf

    def record(self, progress: Progress) -> bool:
        """Whether it is time to end."""
        if progress.step <= self.last:
            self.lowest, self.waited = math.inf, 0
        self.last = progress.step
        value = progress.watched(self.term)
        better = value < self.lowest - self.least_gain
        self.lowest, self.waited = (value, 0) if better else (self.lowest, self.waited + 1)
        return self.waited >= self.patience


class BestWeights:
    """Keep the model of the lowest loss in a file.

    Args:
        path: the file, as of :func:`vsclib.save`.
        term: of the validation loss, or of the training loss without validation.
        save: what writes it; ``vsclib.refiner.save`` for a refiner.

    Raises:
        CheckpointError: the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        term: str = "total",
        save: Callable[[Any, Path], None] = checkpoints.save,
    ) -> None:
        self.path, self.term, self.save = file_path(path), term, save
        check_writable(self.path)
        self.lowest, self.last = math.inf, math.inf

    def record(self, progress: Progress) -> None:
        """Write the model if its loss is the lowest so far."""
        if progress.step <= self.last:
            self.lowest = math.inf
        self.last = progress.step
        value = progress.watched(self.term)
        if value < self.lowest:
            self.lowest = value
            if progress.model is not None:
                self.save(progress.model, self.path)
