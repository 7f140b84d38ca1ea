"""The refiner: a denoising diffusion model of images, given a base model's reconstruction."""

import math
import zlib
from types import ModuleType
from typing import Annotated, Any, Self

import torch
from pydantic import Field
from torch import Tensor

from vsclib.configuration import configuration, configure
from vsclib.errors import ConfigurationError
from vsclib.metrics.codes import batches
from vsclib.models import Loss, Model, Trainable, TrainingStep
from vsclib.models.registry import WeightsStart

STEPS = 20
"""Steps of a refinement unless you say otherwise."""
AT_ONCE = 500
"""Images that the network refines at once."""


@configuration
class RefinerConfig:
    """Options of a refiner."""

    channels: Annotated[int, Field(ge=1, le=1024)] = 16
    """Channels of the network at full size; twice as many at every level below."""
    levels: Annotated[int, Field(ge=1, le=6)] = 3
    """Sizes at which the network looks at an image, each half the one before."""
    layers: Annotated[int, Field(ge=1, le=16)] = 1
    """Residual blocks of a level on the way down; one more on the way up."""
    timesteps: Annotated[int, Field(ge=50, le=10_000)] = 1000
    """T, steps from an image to noise."""


class Refiner(Trainable):
    r"""From a blurred reconstruction to one of the sharp images that it may stand for.

    .. math:: q(x_t\mid x_0) = \mathcal N\bigl(\sqrt{\bar\alpha_t}\,x_0,\ (1-\bar\alpha_t)I\bigr),
        \qquad \mathcal L = \mathbb E_{t,x_0,\epsilon}\,\tfrac1D
        \bigl\|\epsilon - \epsilon_\theta(x_t, t, \hat x)\bigr\|^2

    with :math:`\hat x` the base model's mean reconstruction of :math:`x_0`, :math:`\bar\alpha_t =
    \prod_{s\le t}(1-\beta_s)` and :math:`\beta` from 0.1/T to 20/T. Pixels lie in [-1, 1] here, in
    [0, 1] outside. The base alone encodes and decodes.

    Args:
        base: the model whose reconstructions are refined; it is not trained, and its weights are no
            part of the refiner's.
        config: the options.

    Raises:
        ConfigurationError: ``diffusers`` is not installed, or the image cannot be halved so often.

    Source:
        Ho, Jain & Abbeel (2020), Eq. 4 and 14; Pandey et al. (2022), section 3.
    """

    unit = "mean squared error"
    alone = "its network is another package's"

    def __init__(self, base: Model, config: RefinerConfig) -> None:
        super().__init__()
        library = _diffusers()
        channels, height, width = base.image_shape
        _refuse_odd_sides(height, width, config.levels)
        self.config, self.image_shape = config, base.image_shape
        # In a tuple, the base is no submodule: neither Adam nor a checkpoint sees its weights, and
        # it stays in eval.
        self._held = (base.eval(),)
        weights = b"".join(value.cpu().numpy().tobytes() for value in base.state_dict().values())
        self.name = f"refiner of {base.name} {zlib.crc32(weights):08x}"
        self.network = library.UNet2DModel(
            in_channels=2 * channels,
            out_channels=channels,
            block_out_channels=(config.channels, *(2 * config.channels,) * (config.levels - 1)),
            down_block_types=("DownBlock2D",) * config.levels,
            up_block_types=("UpBlock2D",) * config.levels,
            layers_per_block=config.layers,
            norm_num_groups=_groups(config.channels),
            add_attention=False,
        )
        beta = {"beta_start": 0.1 / config.timesteps, "beta_end": 20.0 / config.timesteps}
        self.forward_process = library.DDPMScheduler(config.timesteps, **beta)
        self.reverse_process = library.DDIMScheduler(
            config.timesteps, **beta, timestep_spacing="trailing"
        )

    @property
    def base(self) -> Model:
        """The model whose reconstructions are refined."""
        return self._held[0]

    def _apply(self, *arguments: Any, **options: Any) -> Self:
        """Move or convert, the base too."""
        self.base._apply(*arguments, **options)
        return super()._apply(*arguments, **options)

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """The base's mean images (B, C, H, W) of the mean codes of images (B, C, H, W)."""
        return self.base.decode(self.base.encode(x).z).mean

    def objective(self, step: TrainingStep) -> Loss:
        """Mean squared error of the predicted noise; 1 for a network that knows nothing."""
        x, generator, device = step.images, step.generator, step.images.device
        x_0, x_hat = _centred(x), _centred(self.reconstruct(x))
        t = torch.randint(
            self.config.timesteps, (len(x),), generator=generator, device=device
        )  # (B,)
        epsilon = torch.randn(x.shape, generator=generator, device=device)  # (B, C, H, W)
        x_t = self.forward_process.add_noise(x_0, epsilon, t)
        return Loss.of(noise=(self.predict_noise(x_t, t, x_hat) - epsilon).square().mean())

    def predict_noise(self, x_t: Tensor, t: Tensor, x_hat: Tensor) -> Tensor:
        """What the network takes for noise in x_t (B, C, H, W) at timesteps t (B,) or (); all
        pixels in [-1, 1].
        """
        return self.network(torch.cat([x_t, x_hat], 1), t).sample

    @torch.no_grad()
    def refine(
        self, reconstruction: Tensor, generator: torch.Generator, steps: int = STEPS
    ) -> Tensor:
        """Draw sharp images that blurred ones may stand for; all randomness lies in the noise that
        it starts from.

        Args:
            reconstruction: mean images of the base (B, C, H, W) in [0, 1], whatever code they came
                from.
            generator: source of that noise, on the images' device.
            steps: how often the network is asked, evenly over the timesteps; a divisor of
                ``timesteps``.

        Returns:
            (B, C, H, W) in [0, 1].

        Raises:
            ConfigurationError: the number of steps is no divisor of the number of timesteps.
            DataError: the images do not fit.

        Source:
            Song, Meng & Ermon (2021), Eq. 12 with sigma = 0.
        """
        if steps not in range(1, self.config.timesteps + 1) or self.config.timesteps % steps:
            raise ConfigurationError(
                f"steps = {steps!r} is not allowed: choose a divisor of {self.config.timesteps}"
            )
        x_hat = _centred(self.check(reconstruction))
        x_t = torch.randn(x_hat.shape, generator=generator, device=x_hat.device)  # (B, C, H, W)
        self.reverse_process.set_timesteps(steps)
        for part in batches(len(x_t), AT_ONCE):
            for t in self.reverse_process.timesteps:
                epsilon = self.predict_noise(x_t[part], t.to(x_t.device), x_hat[part])
                # Where the image that it aims at is clipped to [-1, 1], the noise has to follow.
                moved = self.reverse_process.step(
                    epsilon, t, x_t[part], use_clipped_model_output=True
                )
                x_t[part] = moved.prev_sample
        return (0.5 * (x_t + 1.0)).clamp(0.0, 1.0)

    def sample(self, n: int, generator: torch.Generator, steps: int = STEPS) -> Tensor:
        """The base's samples (n, C, H, W), refined."""
        return self.refine(self.base.sample(n, generator), generator, steps)


def create(base: Model, *, seed: int = 0, **options: Any) -> Refiner:
    """Make an untrained refiner for a trained model; :func:`vsclib.fit` trains it, the base stays
    as it is.

    Args:
        base: any model.
        seed: of the initial weights.
        **options: fields of :class:`RefinerConfig`.

    Returns:
        The refiner, where the base is.

    Raises:
        ConfigurationError: an unknown option, a value out of range, an image that cannot be halved
            so often, or ``diffusers`` is not installed.
    """
    config = configure(RefinerConfig, "a refiner", options)
    start = configure(WeightsStart, "a refiner", {"seed": seed})
    # The CPU's generator alone is seeded, as for a model.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(start.seed)
        return Refiner(base, config).to(next(base.parameters()).device)


def _centred(x: Tensor) -> Tensor:
    """Pixels from [0, 1] to [-1, 1]."""
    return 2.0 * x - 1.0


def _diffusers() -> ModuleType:
    try:
        import diffusers
    except ImportError:
        raise ConfigurationError(
            "a refiner needs the package diffusers, which is not installed: "
            'pip install "vsclib[refiner]"'
        ) from None
    return diffusers


def _groups(channels: int) -> int:
    # Group normalisation: a group of a single channel would forget how bright an image is.
    return math.gcd(channels, 8 if channels > 8 else max(1, channels // 2))


def _refuse_odd_sides(height: int, width: int, levels: int) -> None:
    factor = 2 ** (levels - 1)
    if height % factor or width % factor:
        raise ConfigurationError(
            f"levels = {levels} halves an image {levels - 1} times, but {height} x {width} pixels "
            f"cannot be: choose fewer levels, or sides that are multiples of {factor}"
        )
