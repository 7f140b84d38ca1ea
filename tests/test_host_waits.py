"""A step of training asks an accelerator for no value: each such question would wait for it.

Tensors on PyTorch's meta device have a shape and no values, so that a question for one raises.
"""

import pytest
import torch
from small_models import NAMES, SHAPE, tiny

from vsclib.models import TrainingStep

OPTIONS = [
    *((name, {}) for name in NAMES),
    ("vsc", {"gate": "concrete", "gamma_form": "relu"}),
    ("vsc_uai", {"selector": "normalised", "sharpness": 10.0}),
    ("vsc_thresholds", {"charge": "base"}),
    ("beta_tcvae", {"estimator": "weighted"}),
    ("vae", {"likelihood": "gaussian_learned"}),
    ("short_run", {"kept": 2, "skip": 1}),
    ("sparse_generator", {"kept": 2, "skip": 1}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_an_objective_looks_at_no_value(name, options, monkeypatch):
    # There is no generator of this device; a draw on it is a shape.
    for draw in (torch.rand, torch.randn):
        free = lambda *shape, draw=draw, generator=None, **how: draw(*shape, **how)  # noqa: E731
        monkeypatch.setattr(torch, draw.__name__, free)
    model = tiny(name, **options)
    model.plan(steps=10, steps_per_epoch=5)
    model = model.to("meta")
    x = torch.empty(6, *SHAPE, device="meta")
    loss = model.objective(TrainingStep(x, torch.Generator(), 3))
    loss.total.backward()
    assert loss.total.device.type == "meta"
    with pytest.raises(RuntimeError, match="meta"):
        loss.total.item()
