"""One short loop that trains every model: the whole data set on the device, exact resume."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from vsclib.configuration import configure
from vsclib.data.dataset import DataSet, Split
from vsclib.errors import ConfigurationError, fits_memory, warn_caller
from vsclib.files import check_writable, file_path
from vsclib.models import Model, Trainable, TrainingStep
from vsclib.models.contract import scaled
from vsclib.training.callbacks import Callback
from vsclib.training.compilation import compiled_step, wanted
from vsclib.training.config import TrainingConfig, training_device
from vsclib.training.identity import checksum_of
from vsclib.training.interruption import interruption, noted_signals
from vsclib.training.pixels import on_device, pixels_for
from vsclib.training.state import History, TrainingState
from vsclib.training.step_gradient import tf32
from vsclib.training.validation import Validation

LINES = 10
"""How many lines of progress a training prints."""
OTHER_NAMES = {"lr": "learning_rate", "epochs": "steps", "num_steps": "steps", "bs": "batch_size"}
"""What other libraries call an option, which no likeness of letters would find."""


def fit(
    model: Trainable,
    data: DataSet | Split | np.ndarray,
    config: TrainingConfig | None = None,
    *,
    validation: Split | np.ndarray | None = None,
    callbacks: Sequence[Callback] = (),
    **options: Any,
) -> History:
    """Train a model in place.

    A model that is trained already trains on: its schedules, such as warm-ups, go on from where
    they stand and never start again (``model.trained`` counts, and its file keeps it). What an
    interruption cut short goes on exactly only from a checkpoint.

    Ctrl-C and SIGTERM let the step at hand end and are then raised, as a ``KeyboardInterrupt`` or
    ``SystemExit`` whose ``history`` holds what there was; a checkpoint is written before.

    Args:
        model: what to train; it ends on the device.
        data: a data set (its training part is used), a part of one, or uint8 images (N, C, H, W);
            float32 for a model of real-valued data.
        config: how to train; or give its fields as keywords.
        validation: held-out images; their loss, in eval mode and with the same draws each time, is
            taken at each point of the history.
        callbacks: see :mod:`vsclib.training.callbacks`; each is told every point of the history,
            and one that returns True ends the training.

    Returns:
        The history.

    Raises:
        ConfigurationError: an option is unknown or out of range, the device is absent, the model is
            not float32 or wholly frozen, or a network gives another shape than its options say.
        DataError: the images do not fit the model or are fewer than a batch.
        CheckpointError: the checkpoint belongs to another training, or cannot be written.
        TrainingError: the loss is no finite number, or memory ran out; the last checkpoint is left
            as it was.

    Example:
        >>> from vsclib import data, models
        >>> digits = data.load("digits")
        >>> model = models.create("vae", image_shape=(1, 8, 8), latents=8, hidden=32)
        >>> history = fit(model, digits, steps=20, batch_size=50, progress=False)
        >>> sorted(history.terms)
        ['kl', 'reconstruction', 'total']
    """
    config = _configured(config, options)
    config.warn_of_idle()
    _check(model)
    pixels = pixels_for(model, data, config.batch_size, config.draw_pixels)
    held_out = None if validation is None else pixels_for(model, validation)
    device = training_device(config)
    if config.checkpoint is not None:
        check_writable(file_path(config.checkpoint))
    model.to(device)
    images, measured = on_device(pixels, device), None
    if held_out is not None:
        others, seen = on_device(held_out, device), checksum_of(held_out)
        measured = Validation(others, seen, config.batch_size, config.seed)
    if isinstance(model, Model):
        model.check_networks()
    state = TrainingState(model, config, pixels, measured)
    model.prepare(images, state.generator)
    state.resume()
    state.plan(len(images) // config.batch_size)
    model.train()
    what = f"batch_size = {config.batch_size} on {device}"
    try:
        with (
            fits_memory(what, f"choose batch_size = {config.batch_size // 2} or fewer"),
            tf32(config.precision),
        ):
            _train(state, images, callbacks)
    finally:
        model.eval()
    return state.history()


def _train(state: TrainingState, images: Tensor, callbacks: Sequence[Callback]) -> None:
    model, config = state.model, state.config
    ended = state.tell_again(callbacks)
    shown = {"initial": state.step, "disable": not config.progress, "unit": "step"}
    with noted_signals() as noted, tqdm(total=config.steps, mininterval=1.0, **shown) as bar:
        _compile(state, images, bar.write if config.progress else lambda line: None)
        while state.step < config.steps and not ended and not noted:
            step, loss = state.gradient(images)
            state.update(loss)
            model.remember(step, loss.state)
            bar.update()
            ended = state.record(callbacks)
            if state.step % config.checkpoint_every == 0 and state.step < config.steps:
                state.save()
            _report(bar, state)
        state.save()
    if noted:
        _raise_interruption(state, noted[0])


def _compile(state: TrainingState, images: Tensor, say: Callable[[str], None]) -> None:
    """Let the step be a compiled one, if that is asked for or worth it."""
    config = state.config
    asked = wanted(state.model, config, images.device, config.steps)
    if state.step:
        # A training goes on as it began: another order of rounding gives other weights.
        if config.compile != "auto" and asked != state.compiled:
            began = "with" if state.compiled else "without"
            warn_caller(
                f"compile = {config.compile!r} has no effect: this training began {began} a "
                "compiled step, and goes on so"
            )
        asked = state.compiled
    if not asked:
        return
    rows = torch.arange(config.batch_size, device=images.device)
    example = TrainingStep(scaled(images[rows]), state.generator, state.number, rows)
    step = compiled_step(state.model, config, example, say)
    state.compiled = step is not None
    state.compute = step or state.eager


def _report(bar: tqdm, state: TrainingState) -> None:
    config = state.config
    if state.step % state.record_every == 0:
        bar.set_postfix_str(state.present_loss(), refresh=False)
    if state.step % max(1, config.steps // LINES) == 0 and config.progress and state.points:
        # The bar becomes a widget in a notebook; a terminal that runs one sees these lines.
        bar.write(f"step {state.step:,} of {config.steps:,}: {state.present_loss()}")


def _raise_interruption(state: TrainingState, number: int) -> None:
    if state.pending:
        state.take_point()
    kept = "nothing is on disk: give a checkpoint to be able to go on"
    if state.path is not None:
        kept = f"the same call goes on from {state.path}"
    line = f"interrupted after step {state.step} of {state.config.steps}; {kept}"
    raise interruption(number, line, state.history())


# --------------------------------------------------------------------------- what is refused first


def _configured(config: TrainingConfig | None, options: Mapping[str, Any]) -> TrainingConfig:
    if config is not None and options:
        raise ConfigurationError(
            "fit takes a config or keywords, not both: put everything into the config"
        )
    for name, ours in OTHER_NAMES.items():
        if name in options:
            raise ConfigurationError(f"fit has no option {name!r}: did you mean {ours!r}?")
    return config or configure(TrainingConfig, "fit", options)


def _check(model: Trainable) -> None:
    for name, weight in model.named_parameters():
        if weight.dtype != torch.float32:
            kind = str(weight.dtype).removeprefix("torch.")
            raise ConfigurationError(
                f"{name} is {kind}, but a training takes float32: call model.float() first"
            )
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ConfigurationError(
            f"model {model.name!r} has no weight that learns, at least one must: "
            "call model.requires_grad_(True), then freeze only a part"
        )
