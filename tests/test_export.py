"""`torch.export` of what leaves the library: encode and decode, for any number of images."""

import pytest
import torch
from small_models import images, typical
from torch import nn

pytestmark = pytest.mark.slow


class Encode(nn.Module):
    """What a program without this library gets of an encoder: z."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        code = self.model.encode(x)
        return code.z, code.active


class Decode(Encode):
    """The same of a decoder: the mean image."""

    def forward(self, z):
        return self.model.decode(z).mean


def exported(module: nn.Module, example: torch.Tensor) -> nn.Module:
    """The graph, for a batch of any size."""
    sizes = ({0: torch.export.Dim("batch", min=1, max=1024)},)
    return torch.export.export(module, (example,), dynamic_shapes=sizes).module()


@pytest.mark.parametrize(
    "name", ["vae", "vsc", "vsc_thresholds", "vsc_uai", "vsc_mixture", "vae_mixture", "top_k"]
)
def test_an_exported_encoder_gives_the_same_codes(name):
    model = typical(name).eval()
    graph = exported(Encode(model), images(4))
    for n in (2, 4, 9):
        z, active = graph(images(n))
        torch.testing.assert_close(z, model.encode(images(n)).z, rtol=1e-5, atol=1e-6)
        assert torch.equal(active, model.encode(images(n)).active)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vae", {}),
        ("vsc", {"likelihood": "gaussian_learned", "network": "conv"}),
        ("sparse_generator", {"alpha": 0.3}),
        ("vsc", {"likelihood": "gaussian_real"}),
    ],
)
def test_an_exported_decoder_gives_the_same_images(name, options):
    model = typical(name, **options).eval()
    graph = exported(Decode(model), torch.randn(4, 5))
    for n in (2, 4, 9):
        z = torch.randn(n, 5)
        torch.testing.assert_close(graph(z), model.decode(z).mean, rtol=1e-5, atol=1e-6)
