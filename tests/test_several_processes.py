"""Data-parallel training: processes that see half a batch each end with the weights of one.

The gradients are averaged by DistributedDataParallel, which goes through `forward`. Draws come from
each process's own generator, here from one that gives it its rows of the joint batch's draws.
"""

import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import images, seeded, tiny
from torch import distributed, multiprocessing, nn

from vsclib.models import TrainingStep

pytestmark = pytest.mark.slow

STEPS, BATCH, PROCESSES, RATE = 4, 8, 2, 1e-3
# Families whose loss is a mean over images; beta_tcvae compares the images of a batch, say.
FAMILIES = ("ae", "vae", "vsc", "vsc_uai", "sparse_generator")
PIXELS = images(STEPS * BATCH)


def train(model: nn.Module, weights, rank: int | None) -> None:
    """A few steps downhill, on all images of a batch or on a process's half of it."""
    weights = list(weights)
    size = BATCH // PROCESSES
    for number in range(STEPS):
        batch = PIXELS[number * BATCH : (number + 1) * BATCH]
        if rank is not None:
            batch = batch[rank * size : (rank + 1) * size]
        model.zero_grad()
        model(TrainingStep(batch, seeded(), number)).total.backward()
        with torch.no_grad():
            for weight in weights:
                weight -= RATE * weight.grad


class SharedDraws:
    """Makes `torch.randn` and `torch.rand` give a process its rows of the joint batch's draws.

    A generator of one's own draws other noise, which is as good; only the comparison needs this.
    """

    def __init__(self, rank: int):
        self.rank, self.plain = rank, {name: getattr(torch, name) for name in ("randn", "rand")}

    def __enter__(self):
        for name, draw in self.plain.items():
            setattr(torch, name, lambda shape, *, draw=draw, **how: self.rows(draw, shape, how))

    def __exit__(self, *error):
        for name, draw in self.plain.items():
            setattr(torch, name, draw)

    def rows(self, draw, shape, how):
        size, *rest = shape
        joint = draw((size * PROCESSES, *rest), **how)
        return joint[self.rank * size : (self.rank + 1) * size]


def work(rank: int, port: int, folder: str) -> None:
    """One process: half of every batch, family by family."""
    torch.set_num_threads(1)
    where = f"tcp://127.0.0.1:{port}"
    distributed.init_process_group("gloo", init_method=where, rank=rank, world_size=PROCESSES)
    for name in FAMILIES:
        model = tiny(name)
        with SharedDraws(rank):
            train(nn.parallel.DistributedDataParallel(model), model.parameters(), rank)
        save_file(model.state_dict(), Path(folder) / f"{name}.{rank}.safetensors")
    distributed.destroy_process_group()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the processes leave their weights."""
    place = tmp_path_factory.mktemp("processes")
    multiprocessing.spawn(work, (free_port(), str(place)), PROCESSES)
    return place


@pytest.mark.skipif(not distributed.is_available(), reason="this PyTorch has no distributed")
@pytest.mark.parametrize("name", FAMILIES)
def test_two_processes_end_with_the_weights_of_one(folder, name):
    alone = tiny(name)
    train(alone, alone.parameters(), None)
    halves = [load_file(folder / f"{name}.{rank}.safetensors") for rank in range(PROCESSES)]
    start, moved = tiny(name).state_dict(), 0.0
    for key, weight in alone.named_parameters():
        assert torch.equal(halves[0][key], halves[1][key])
        torch.testing.assert_close(halves[0][key], weight.detach(), rtol=1e-4, atol=2e-5)
        moved = max(moved, (weight.detach() - start[key]).abs().max().item())
    assert moved > 1e-3, "the training moved nothing, so that the comparison says nothing"
