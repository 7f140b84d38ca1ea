"""A training that diverges ends with a loss that is NaN, whatever the family: `fit` refuses that."""

import math

import pytest
import torch
from small_models import NAMES, images, seeded, tiny

from vsclib.errors import TrainingError
from vsclib.models import TrainingStep


@pytest.mark.parametrize("what", ["encoder", "decoder"])
@pytest.mark.parametrize("name", NAMES)
def test_broken_weights_give_a_loss_that_is_no_number(name, what):
    model = tiny(name)
    if not hasattr(model, what):
        pytest.skip("a generator has no encoder")
    with torch.no_grad():
        next(getattr(model, what).parameters()).fill_(math.nan)
    try:
        total = model.objective(TrainingStep(images(), seeded())).total
    except TrainingError:
        return
    assert not math.isfinite(total.item())


@pytest.mark.parametrize("name", [name for name in NAMES if "vsc" in name])
@pytest.mark.parametrize("options", [{}, {"likelihood": "gaussian_learned"}])
def test_broken_pseudo_inputs_or_gates_give_no_number_either(name, options):
    model = tiny(name, **options)
    with torch.no_grad():
        model.encoder.head.bias[-1] = math.nan
    assert not math.isfinite(model.objective(TrainingStep(images(), seeded())).total.item())
    if hasattr(model, "pseudo_inputs"):
        model = tiny(name, **options)
        with torch.no_grad():
            model.pseudo_inputs[0].fill_(math.nan)
        assert not math.isfinite(model.objective(TrainingStep(images(), seeded())).total.item())
