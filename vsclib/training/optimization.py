"""PyTorch's optimisers and learning-rate schedules by name, checked before training."""

import inspect
import json
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import torch
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from vsclib.errors import ConfigurationError, nearest

_Class = TypeVar("_Class")


def _classes(module: Any, base: type[_Class], without: set[str]) -> dict[str, type[_Class]]:
    """The public classes of a module by their names in small letters."""
    found = {name.lower(): cls for name, cls in vars(module).items() if name[0] != "_"}
    return {
        name: cls
        for name, cls in found.items()
        if isinstance(cls, type) and issubclass(cls, base) and cls is not base
        if name not in without
    }


# These want a closure, sparse gradients, or matrices alone.
OPTIMIZERS = _classes(torch.optim, Optimizer, {"lbfgs", "sparseadam", "muon"})
"""What ``TrainingConfig.optimizer`` names."""
# These want a measure at each step, functions, or other schedulers.
SCHEDULERS = _classes(
    lr_scheduler,
    LRScheduler,
    {"reducelronplateau", "lambdalr", "multiplicativelr", "sequentiallr", "chainedscheduler"},
)
"""What ``TrainingConfig.scheduler`` names."""


def check_choice(kind: str, name: str, options: Mapping[str, Any]) -> None:
    """Refuse an ``optimizer`` or a ``scheduler`` that is not there, or options it has not.

    Raises:
        ConfigurationError: with the nearest name, or with the value that cannot be written down.
    """
    choices: Mapping[str, type] = OPTIMIZERS if kind == "optimizer" else SCHEDULERS
    if name.lower() not in choices:
        raise ConfigurationError(f"{kind} = {name!r} is not allowed: {nearest(name, choices)}")
    taken = {"self", "params", "lr", "optimizer", "last_epoch", "verbose"}
    known = set(inspect.signature(choices[name.lower()]).parameters) - taken
    for option, value in options.items():
        if option == "lr":
            raise ConfigurationError("lr is no option of an optimizer here: give learning_rate")
        if option not in known:
            raise ConfigurationError(f"{name} has no option {option!r}: {nearest(option, known)}")
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"{option} = {value!r} cannot be kept in a checkpoint: give numbers, texts, true "
                "or false, or lists of them"
            ) from None


def make_optimizer(
    parameters: Iterable[Any], name: str, options: Mapping[str, Any], rate: float
) -> Optimizer:
    """The optimiser of that name, of parameters or of groups of them as PyTorch takes them.

    Raises:
        ConfigurationError: an option has no value that it takes.
    """
    weights = list(parameters)
    if name.lower() == "adam":
        # The fused form is another order of rounding: the weights of a seed depend on it.
        first = weights[0]["params"][0] if isinstance(weights[0], dict) else weights[0]
        options = {"fused": first.device.type != "mps"} | dict(options)
    return _made("optimizer", name, OPTIMIZERS[name.lower()], weights, lr=rate, **options)


def make_scheduler(optimizer: Optimizer, name: str, options: Mapping[str, Any]) -> Any:
    """The scheduler of that name.

    Raises:
        ConfigurationError: an option has no value that it takes.
    """
    return _made("scheduler", name, SCHEDULERS[name.lower()], optimizer, **options)


def catch_up(scheduler: Any, steps: int) -> None:
    """Bring a new scheduler to where so many steps had brought another one.

    Its numbers depend on the number of steps alone, and so nothing of it is kept on disk.
    """
    with warnings.catch_warnings():
        # PyTorch warns of steps without steps of the optimiser: those lie before the checkpoint.
        warnings.simplefilter("ignore")
        for _ in range(steps):
            advance(scheduler)


def advance(scheduler: Any) -> None:
    """One step of a scheduler.

    Raises:
        ConfigurationError: its options say that it has ended.
    """
    try:
        scheduler.step()
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"scheduler = {type(scheduler).__name__} goes no further ({reason}): "
            "let scheduler_options reach to the last step"
        ) from None


def _made(kind: str, name: str, cls: Any, *values: Any, **options: Any) -> Any:
    try:
        return cls(*values, **options)
    except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"{kind} = {name!r} takes other options ({reason}): correct {kind}_options"
        ) from None
