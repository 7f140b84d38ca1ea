"""How much of a step is matrix products, and how near is it to what the machine gives them?

The share is the time of the products alone, at the same shapes and on the same machine, over the
time of the whole step. What is left for the rest of the step is one minus the share.
"""

from typing import Any

import torch
from torch import Tensor

from benchmarks import ours
from benchmarks.setting import Setting
from benchmarks.turns import Contestant, Timed, against_goal, alternate, described, times_faster

HEADS = {"vae": 2, "vsc": 3}
BATCH_SIZES = (100, 500)
GOALS = {500: 0.75}
"""Least share by batch size."""
PRODUCTS = "products alone"


def layers(pixels: int, latents: int, hidden: int, heads: int) -> list[tuple[int, int]]:
    """Inputs and outputs of every linear layer, encoder first."""
    return [(pixels, hidden), (hidden, heads * latents), (latents, hidden), (hidden, pixels)]


def operations(sizes: list[tuple[int, int]], batch_size: int) -> int:
    """Additions and multiplications in the products of a step.

    Each layer has one product forward and two backward: for the weights, and for the inputs, which
    images do not need.
    """
    products = [(2 if index == 0 else 3) * a * b for index, (a, b) in enumerate(sizes)]
    return 2 * batch_size * sum(products)


class StepProducts:
    """The matrix products of a step, into tensors that are there."""

    def __init__(self, sizes: list[tuple[int, int]], batch_size: int) -> None:
        generator = torch.Generator().manual_seed(0)

        def filled(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator)

        self.layers = [
            {
                "x": filled(batch_size, inputs),
                "weight": filled(outputs, inputs),
                "gradient": filled(batch_size, outputs),
                "y": torch.empty(batch_size, outputs),
                "weight_gradient": torch.empty(outputs, inputs),
                "x_gradient": torch.empty(batch_size, inputs),
            }
            for inputs, outputs in sizes
        ]

    def __call__(self) -> None:
        """Forward through all layers, then backward."""
        for layer in self.layers:
            torch.mm(layer["x"], layer["weight"].t(), out=layer["y"])
        for index, layer in reversed(list(enumerate(self.layers))):
            torch.mm(layer["gradient"].t(), layer["x"], out=layer["weight_gradient"])
            if index:
                torch.mm(layer["gradient"], layer["weight"], out=layer["x_gradient"])


def products_alone(sizes: list[tuple[int, int]], batch_size: int, steps: int) -> Timed:
    """The products of so many steps as a contestant: no training takes less time."""
    products = StepProducts(sizes, batch_size)

    def all_steps() -> None:
        for _ in range(steps):
            products()

    return Timed(all_steps, steps)


def measure(setting: Setting) -> dict[str, Any]:
    """Rate of the products, and the share of each step, for every model and batch size."""
    images, found = setting.images(), {}
    network = setting.network(images)
    for model, heads in HEADS.items():
        sizes = layers(images[0].size, setting.latents, setting.hidden, heads)
        for batch_size in BATCH_SIZES:
            steps = setting.turn_steps(batch_size)
            made = contestants((model, images, batch_size, steps, network), sizes, setting.quick)
            rounds = alternate(made, setting.rounds)
            rows, count = described(rounds, batch_size), operations(sizes, batch_size)
            for name, row in rows.items():
                row["gigaflops_per_second"] = round(count / row["seconds_per_step"] / 1e9, 1)
                if name != PRODUCTS:
                    share = times_faster(rounds, name, PRODUCTS)
                    goal = None if setting.quick else GOALS.get(batch_size)
                    row["share_of_products"] = against_goal(share, goal) if goal else share
            found[f"{model} {batch_size}"] = {"operations": count, "rows": rows}
    return {"steps": found}


def contestants(
    training: tuple[Any, ...], sizes: list[tuple[int, int]], quick: bool
) -> dict[str, Contestant]:
    """The products, and ``fit`` as it is and compiled."""
    _, _, batch_size, steps, _ = training
    made: dict[str, Contestant] = {
        PRODUCTS: products_alone(sizes, batch_size, steps),
        "fit": ours.alone(*training),
    }
    if not quick and ours.compiles() is None:
        made["fit, compiled"] = ours.compiled(*training)
    return made
