"""One short loop that trains every model: the whole data set on the device, exact resume."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from vsclib.configuration import configure
from vsclib.data.dataset import DataSet, Split
from vsclib.errors import ConfigurationError, DataError
from vsclib.files import check_writable, file_path
from vsclib.models import Model, Trainable, TrainingStep
from vsclib.models.contract import scaled
from vsclib.training.callbacks import Callback
from vsclib.training.config import TrainingConfig, chosen_device
from vsclib.training.identity import checksum_of
from vsclib.training.interruption import interruption, noted_signals
from vsclib.training.state import History, TrainingState
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
        TrainingError: the loss is no finite number; the last checkpoint is left as it was.

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
    pixels = _pixels(model, data.train if isinstance(data, DataSet) else data)
    if len(pixels) < config.batch_size:
        raise DataError(
            f"batch_size = {config.batch_size} exceeds the {len(pixels)} images: "
            f"choose 1 <= batch_size <= {len(pixels)}"
        )
    held_out = None if validation is None else _pixels(model, validation)
    device = chosen_device(config.device)
    if config.checkpoint is not None:
        check_writable(file_path(config.checkpoint))
    model.to(device)
    images, measured = _on_device(pixels, device), None
    if held_out is not None:
        others, seen = _on_device(held_out, device), checksum_of(held_out)
        measured = Validation(others, seen, config.batch_size, config.seed)
    if isinstance(model, Model):
        model.check_networks()
    state = TrainingState(model, config, pixels, measured)
    model.prepare(images, state.generator)
    state.resume()
    state.plan(len(images) // config.batch_size)
    model.train()
    try:
        _train(state, images, callbacks)
    finally:
        model.eval()
    return state.history()


def _train(state: TrainingState, images: Tensor, callbacks: Sequence[Callback]) -> None:
    model, config = state.model, state.config
    ended = state.tell_again(callbacks)
    shown = {"initial": state.step, "disable": not config.progress, "unit": "step"}
    with noted_signals() as noted, tqdm(total=config.steps, mininterval=1.0, **shown) as bar:
        while state.step < config.steps and not ended and not noted:
            rows = state.order()  # (B,)
            batch = scaled(images[rows])  # (B, C, H, W)
            step = TrainingStep(batch, state.generator, state.number, rows)
            loss = state.loss(step)
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


def _pixels(model: Trainable, data: Split | np.ndarray) -> np.ndarray:
    """The images, checked against what the model takes."""
    images = data.images if isinstance(data, Split) else data
    real = images.dtype == np.float32 and images.shape[1:] == model.image_shape
    if real and not getattr(model, "real_valued", False):
        raise DataError(
            f"these are real-valued float32 images, but model {model.name!r} takes uint8 from 0 to "
            '255: create it with likelihood = "gaussian_real", or give grey levels'
        )
    if not real and (images.dtype != np.uint8 or images.shape[1:] != model.image_shape):
        raise DataError(
            f"the model takes uint8 images shaped {model.image_shape}, these are {images.dtype} "
            f"{images.shape[1:]}: create the model with image_shape={tuple(images.shape[1:])} "
            "and give grey levels from 0 to 255"
        )
    if not len(images):
        raise DataError("there are no images, at least one is wanted: look at what was loaded")
    if real and not np.isfinite(images).all():
        raise DataError("images hold NaN or infinity, all must be finite: clean them first")
    if not real and images.max() == 1:
        raise DataError(
            "no grey level exceeds 1 of 255, and so the images are black: multiply images of 0 and "
            "1 by 255"
        )
    return images


def _on_device(images: np.ndarray, device: torch.device) -> Tensor:
    # PyTorch warns of arrays that it could not write to.
    return torch.from_numpy(np.require(images, requirements=["C", "W"])).to(device)
