"""The loops that ours is held against: a script with the same networks, objectives and Adam.

They know nothing of the library. What they share with it is the mathematics, and the benchmark asks
that their loss ends where ours does.
"""

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from benchmarks.turns import Turn

ALPHA, SLOPE, GAMMA_BIAS, SMALLEST_GAMMA = 0.01, 10.0, -2.0, 1e-6
"""Variational sparse coding as the library has it by default."""


class PlainVAE(nn.Module):
    """A VAE of one hidden layer: (B, D) images in [0, 1], J latents, H hidden units."""

    heads = 2

    def __init__(self, pixels: int, latents: int, hidden: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, self.heads * latents)
        )
        self.decoder = nn.Sequential(
            nn.Linear(latents, hidden), nn.ReLU(), nn.Linear(hidden, pixels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The negative evidence lower bound, mean over (B, D) images, nats."""
        mu, logvar = self.encoder(x).chunk(2, dim=1)  # (B, J)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        kl = 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar).sum()
        return (self.reconstruction(z, x) + kl) / len(x)

    def reconstruction(self, z: Tensor, x: Tensor) -> Tensor:
        """Cross-entropy of all pixels."""
        return F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")


class PlainVSC(PlainVAE):
    """Variational sparse coding with a straight-through gate and a fixed prior."""

    heads = 3

    def __init__(self, pixels: int, latents: int, hidden: int) -> None:
        super().__init__(pixels, latents, hidden)
        with torch.no_grad():
            self.encoder[2].bias[2 * latents :] = GAMMA_BIAS

    def forward(self, x: Tensor) -> Tensor:
        """The negative bound, mean over (B, D) images, nats."""
        mu, logvar, v = self.encoder(x).chunk(3, dim=1)  # (B, J)
        gamma = torch.sigmoid(v).clamp(SMALLEST_GAMMA, 1.0 - SMALLEST_GAMMA)
        slab = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        margin = torch.rand_like(gamma) - 1.0 + gamma
        soft = torch.sigmoid(SLOPE * margin)
        z = slab * ((margin >= 0).to(soft.dtype) + soft - soft.detach())
        on = 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar)
        off = 1.0 - gamma
        spike = gamma * (gamma / ALPHA).log() + off * (off / (1.0 - ALPHA)).log()
        return (self.reconstruction(z, x) + (gamma * on + spike).sum()) / len(x)


PLAIN = {"vae": PlainVAE, "vsc": PlainVSC}
"""The loops' networks by the library's names."""


class PILImages(Dataset):
    """Images as torchvision's MNIST gives them: a PIL image made and transformed at each look."""

    def __init__(self, images: np.ndarray) -> None:
        from torchvision.transforms import ToTensor

        self.images, self.transform = torch.from_numpy(images[:, 0]), ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """An image (1, H, W) and its label, which nothing asks for."""
        return self.transform(Image.fromarray(self.images[index].numpy())), 0


def pil_batches(images: np.ndarray, batch_size: int) -> Iterator[Tensor]:
    """Batches (B, D) of a DataLoader over PIL images, epoch after epoch."""
    loader = DataLoader(PILImages(images), batch_size, shuffle=True, drop_last=True)
    while True:
        for x, _ in loader:
            yield x.flatten(1)


def tensor_batches(images: np.ndarray, batch_size: int) -> Iterator[Tensor]:
    """Batches (B, D) of a DataLoader over a tensor that is scaled once."""
    pixels = torch.from_numpy(images).flatten(1).float() / 255.0
    loader = DataLoader(TensorDataset(pixels), batch_size, shuffle=True, drop_last=True)
    while True:
        for (x,) in loader:
            yield x


def whole_batches(images: np.ndarray, batch_size: int) -> Iterator[Tensor]:
    """Batches (B, D) cut from the whole set by a permutation of its rows."""
    pixels = torch.from_numpy(images).flatten(1)
    while True:
        order = torch.randperm(len(pixels))
        for rows in order[: len(order) // batch_size * batch_size].split(batch_size):
            yield pixels[rows].float() / 255.0


Batches = Callable[[np.ndarray, int], Iterator[Tensor]]


class PlainLoop:
    """A training loop as a script has it, eager, with Adam.

    Args:
        kind: ``vae`` or ``vsc``.
        batches: how the images come.
        images: uint8 (N, 1, H, W).
        batch_size, latents, hidden: B, J, H.
        steps: of a turn.
        fused: whether Adam is PyTorch's fused one.
        seed: of weights and draws.
    """

    def __init__(
        self,
        kind: str,
        batches: Batches,
        images: np.ndarray,
        batch_size: int,
        latents: int,
        hidden: int,
        steps: int,
        fused: bool = False,
        seed: int = 0,
    ) -> None:
        torch.manual_seed(seed)
        self.network, self.steps = PLAIN[kind](images[0].size, latents, hidden), steps
        options = {"fused": True} if fused else {}
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3, **options)
        self.batches = batches(images, batch_size)

    def turn(self) -> Turn:
        """Train for the steps of a turn."""
        clock, processor, total = time.perf_counter(), time.process_time(), 0.0
        for _ in range(self.steps):
            loss = self.network(next(self.batches))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - processor
        return Turn(self.steps, seconds, cpu_seconds, total / self.steps)

    def close(self) -> None:
        """Nothing runs between two turns."""
