"""A training step traced once into PyTorch's operations, and compiled to a program of its own."""

import contextlib
import io
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from vsclib.errors import ConfigurationError, warn_caller
from vsclib.models import Loss, Trainable, TrainingStep
from vsclib.randomness import Asked, normal, uniform
from vsclib.training.config import TrainingConfig
from vsclib.training.step_gradient import Inputs, Outputs, draws_of, function, schedules, split

COMPILED_FROM = 5000
"""From how many steps on a training is compiled by itself."""


class CompiledStep:
    """The gradient of one model's step by a program that is made for it.

    Args:
        model: what is trained, on its device and in training mode.
        config: how.
        example: a step of the training; nothing is drawn from its generator.

    Raises:
        ConfigurationError: the step cannot be compiled.
    """

    def __init__(self, model: Trainable, config: TrainingConfig, example: TrainingStep) -> None:
        self.model, self.device = model, example.images.device
        self.learned, self.kept = split(model)
        self.asked = draws_of(model, example)
        step = function(model, config.precision)
        generator = torch.Generator(self.device)
        self.call = traced(step, self.inputs(example._replace(generator=generator)), compiled=True)

    def inputs(self, step: TrainingStep) -> Inputs:
        """What the program takes at a step."""
        if step.rows is None:
            raise ConfigurationError("rows = None: a compiled step is of images of the set")
        values = {
            name: torch.full((), float(schedule(step.number)), device=self.device)
            for name, schedule in schedules(self.model).items()
        }
        draws = tuple(drawn(asked, step.generator) for asked in self.asked)
        return Inputs(self.learned, self.kept, values, step.images, step.rows, draws)

    def __call__(self, step: TrainingStep) -> Loss:
        """The loss of a step; its gradient goes to the weights."""
        gradient, parts = self.call(*self.inputs(step))
        for name, weight in self.model.named_parameters():
            weight.grad = gradient.get(name)
        # A replayed graph writes where it wrote before.
        terms = {name: value.clone() for name, value in parts["terms"].items()}
        return Loss(parts["total"].clone(), terms, parts["state"])


def drawn(asked: Asked, generator: torch.Generator) -> Tensor:
    """The random numbers that were asked for."""
    kind, shape = asked
    return (normal if kind == "normal" else uniform)(shape, generator, generator.device)


def wanted(model: Trainable, config: TrainingConfig, device: torch.device, steps: int) -> bool:
    """Whether to compile a training, or as many together, of so many steps in all.

    Raises:
        ConfigurationError: ``compile = "on"`` where nothing compiles.
    """
    if config.compile == "off" or (config.compile == "auto" and steps < COMPILED_FROM):
        return False
    # What a network of one's own keeps or draws beside its weights, nobody here knows.
    own = [name for name in ("encoder", "decoder") if getattr(model.config, name, None)]
    reason = model.alone or (own and f"its {own[0]} is its own")
    lacking = f"takes no model {model.name!r}: {reason}" if reason else _lacking(device)
    if lacking and config.compile == "on":
        raise ConfigurationError(f"compile = 'on' {lacking}; choose compile = 'off'")
    return not lacking


def compiled_step(
    model: Trainable, config: TrainingConfig, example: TrainingStep, say: Callable[[str], None]
) -> CompiledStep | None:
    """The compiled step of a model, or None with a line where it was not asked for and fails."""
    start = time.perf_counter()
    try:
        made = CompiledStep(model, config, example)
    except ConfigurationError as error:
        if config.compile == "on":
            raise
        warn_caller(f"{error}; this training goes on without")
        return None
    say(f"compiled the step in {time.perf_counter() - start:.0f} s")
    return made


def traced(step: Callable[..., Outputs], inputs: Inputs, compiled: bool) -> Callable[..., Outputs]:
    """A step's function as a list of PyTorch's operations, which may be compiled.

    Raises:
        ConfigurationError: what it does depends on values that it computes, or on more than its
            inputs; or it cannot be compiled.
    """
    try:
        made: Any = make_fx(step, tracing_mode="fake")(*inputs)
        if compiled:
            # A graph of the device's own replays all launches of a step at once.
            mode = "reduce-overhead" if inputs.images.device.type == "cuda" else None
            made = torch.compile(made, mode=mode)
            with contextlib.redirect_stderr(io.StringIO()):
                made(*inputs)
    except ConfigurationError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise ConfigurationError(
            f"this step cannot be compiled ({reason}): train with compile = 'off'"
        ) from None
    return made


def _lacking(device: torch.device) -> str:
    """What a device lacks to compile, and the remedy; empty if nothing."""
    if device.type == "cuda":
        return ""
    if device.type != "cpu":
        return f"has no compiler for {device.type}: train on the CPU"
    from torch._inductor import config

    names = config.cpp.cxx
    names = names if isinstance(names, Sequence) and not isinstance(names, str) else (names,)
    if any(name and shutil.which(name) for name in names):
        return ""
    return "finds no C++ compiler on this machine: install g++ or clang++"
