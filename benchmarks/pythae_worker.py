"""pythae's trainer in its own environment, turn by turn; it knows nothing of the library.

The network and the objective are those of the library's VAE, in the classes that pythae asks for. A
turn is one epoch of the trainer's own ``train_step`` over as many images as the turn has; saving,
printing and progress bars, which ``train`` adds, are left out.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))
from answering import answer


class Encoder(BaseEncoder):
    """One hidden layer, mean and log-variance."""

    def __init__(self, pixels: int, latents: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latents)
        )

    def forward(self, x: Tensor) -> ModelOutput:
        """Images to the parameters of their posterior."""
        mu, logvar = self.layers(x).chunk(2, dim=1)
        return ModelOutput(embedding=mu, log_covariance=logvar)


class Decoder(BaseDecoder):
    """One hidden layer; pythae's cross-entropy takes probabilities."""

    def __init__(self, pixels: int, latents: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(latents, hidden), nn.ReLU(), nn.Linear(hidden, pixels), nn.Sigmoid()
        )

    def forward(self, z: Tensor) -> ModelOutput:
        """Codes to mean images."""
        return ModelOutput(reconstruction=self.layers(z))


def trainer_of(asked: dict[str, Any], images: np.ndarray, folder: str) -> BaseTrainer:
    """pythae's trainer, ready to train."""
    sizes = (images[0].size, asked["latents"], asked["hidden"])
    shape = tuple(images.shape[1:])
    config = VAEConfig(input_dim=shape, latent_dim=sizes[1], reconstruction_loss="bce")
    model = VAE(config, encoder=Encoder(*sizes), decoder=Decoder(*sizes))
    training = BaseTrainerConfig(
        output_dir=folder,
        learning_rate=1e-3,
        per_device_train_batch_size=asked["batch_size"],
        no_cuda=True,
    )
    first = dataset_of(images[: asked["batch_size"]])
    trainer = BaseTrainer(model, train_dataset=first, training_config=training)
    trainer.prepare_training()
    for callback in list(trainer.callback_handler.callbacks):
        trainer.callback_handler.callbacks.remove(callback)
    return trainer


def dataset_of(images: np.ndarray) -> BaseDataset:
    """Images as pythae takes them."""
    pixels = torch.from_numpy(images).float() / 255.0
    return BaseDataset(pixels, torch.zeros(len(pixels)))


def main() -> None:
    """Train turn by turn as the argument says."""
    asked = json.loads(sys.argv[1])
    torch.set_num_threads(asked.get("threads", 1))
    images = np.load(asked["file"])
    order = np.random.default_rng(0).permutation(len(images))
    wanted, place = asked["steps"] * asked["batch_size"], 0
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(asked, images, folder)

        def turn() -> dict[str, Any]:
            nonlocal place
            rows = np.take(order, range(place, place + wanted), mode="wrap")
            place += wanted
            trainer.train_loader = trainer.get_train_dataloader(dataset_of(images[rows]))
            clock, processor = time.perf_counter(), time.process_time()
            loss = trainer.train_step(1)
            seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - processor
            return {
                "steps": asked["steps"],
                "seconds": seconds,
                "cpu_seconds": cpu_seconds,
                "loss": float(loss),
            }

        answer(turn)


if __name__ == "__main__":
    main()
