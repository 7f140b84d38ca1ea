"""Variational Sparse Coding with warm-up: the slab goes from noise to the encoder's."""

from vsclib.models.vsc import VSC
from vsclib.schedules import Linear


class VSCWarmUp(VSC):
    """VSC with a fixed prior and a warm-up of lambda that always reaches its end.

    ``lam_until = 0``, the default, ends the warm-up at half of the training. The course report's,
    0.01 an epoch for 25 epochs, never meets its own slab.

    Source:
        The course report, section 4.3.2 and its model VSC-WU.
    """

    # The report's warm-up ends beyond its training, and a preset has it so.
    warns_of_unfinished_warm_up = False

    def plan(self, steps: int, steps_per_epoch: int) -> None:
        """The VSC's schedules; without a window of its own, lambda rises over the first half."""
        super().plan(steps, steps_per_epoch)
        if not self.config.lam_until:
            self.warm_up = Linear(0.0, 1.0, until=steps // 2)
