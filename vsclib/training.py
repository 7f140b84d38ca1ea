"""One short loop that trains every model: the whole data set on the device, exact resume."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from vsclib.configuration import configure
from vsclib.data.dataset import DataSet, Split
from vsclib.errors import ConfigurationError, DataError
from vsclib.models import Model, Trainable, TrainingStep
from vsclib.training_state import History, TrainingConfig, TrainingState

__all__ = ["History", "TrainingConfig", "fit"]

LINES = 10
"""How many lines of progress a training prints."""


def fit(
    model: Trainable,
    data: DataSet | Split | np.ndarray,
    config: TrainingConfig | None = None,
    **options: Any,
) -> History:
    """Train a model in place with Adam.

    Args:
        model: what to train; it ends on the device.
        data: a data set (its training part is used), a part of one, or uint8 images (N, C, H, W).
        config: how to train; or give its fields as keywords.

    Returns:
        The history.

    Raises:
        ConfigurationError: an option is unknown or out of range, the device is absent, or a
            network gives another shape than its options say.
        DataError: the images do not fit the model or are fewer than a batch.
        CheckpointError: the checkpoint belongs to another training.
        TrainingError: the loss is no finite number; the last checkpoint is left as it was.

    Example:
        >>> from vsclib import data, models
        >>> digits = data.load("digits")
        >>> model = models.create("vae", image_shape=(1, 8, 8), latents=8, hidden=32)
        >>> history = fit(model, digits, steps=20, batch_size=50, progress=False)
        >>> sorted(history.terms)
        ['kl', 'reconstruction', 'total']
    """
    if config is not None and options:
        raise ConfigurationError(
            "fit takes a config or keywords, not both: put everything into the config"
        )
    config = config or configure(TrainingConfig, "fit", options)
    pixels = _images(data)
    images = _on_device(model, pixels, config)
    if isinstance(model, Model):
        model.check_networks()
    steps_per_epoch = len(images) // config.batch_size
    state = TrainingState(model, config, pixels)
    model.prepare(images, state.generator)
    state.resume()
    model.plan(config.steps, steps_per_epoch)
    model.train()
    shown = {"initial": state.step, "disable": not config.progress, "unit": "step"}
    with tqdm(total=config.steps, mininterval=1.0, **shown) as bar:
        while state.step < config.steps:
            rows = state.order(steps_per_epoch)  # (B,)
            batch = images[rows].float() / 255.0  # (B, C, H, W)
            step = TrainingStep(batch, state.generator, state.step, rows)
            # Bytes over 255 lie in [0, 1]: they need no check at every step.
            loss = model.objective(step)
            state.update(loss)
            model.remember(step, loss.state)
            bar.update()
            if state.due(config.checkpoint_every):
                state.save()
            _report(bar, state)
    state.save()
    model.eval()
    return state.history()


def _report(bar: tqdm, state: TrainingState) -> None:
    config = state.config
    if state.step % state.record_every == 0:
        bar.set_postfix_str(state.present_loss(), refresh=False)
    if state.step % max(1, config.steps // LINES) == 0 and config.progress and state.points:
        # The bar becomes a widget in a notebook; a terminal that runs one sees these lines.
        bar.write(f"step {state.step:,} of {config.steps:,}: {state.present_loss()}")


def _images(data: DataSet | Split | np.ndarray) -> np.ndarray:
    if isinstance(data, DataSet):
        data = data.train
    if isinstance(data, Split):
        data = data.images
    if not isinstance(data, np.ndarray):
        raise DataError(
            f"fit got a {type(data).__name__}, but it takes a data set, a part of one or a uint8 "
            "array (N, C, H, W): load one with vsclib.data.load(name)"
        )
    return data


def _on_device(model: Trainable, images: np.ndarray, config: TrainingConfig) -> Tensor:
    if images.dtype != np.uint8 or images.shape[1:] != model.image_shape:
        raise DataError(
            f"the model takes uint8 images shaped {model.image_shape}, these are {images.dtype} "
            f"{images.shape[1:]}: create the model with image_shape={tuple(images.shape[1:])} "
            "and give grey levels from 0 to 255"
        )
    if len(images) < config.batch_size:
        raise DataError(
            f"batch_size = {config.batch_size} exceeds the {len(images)} images: "
            f"choose 1 <= batch_size <= {len(images)}"
        )
    try:
        model.to(config.device)
        # PyTorch warns of arrays that it could not write to.
        return torch.from_numpy(np.require(images, requirements=["C", "W"])).to(config.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"device = {config.device!r} is not available here ({reason}): choose 'cpu'"
        ) from None
