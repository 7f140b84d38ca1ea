"""What a page gets of a decoder's weights: 14 bits of 16, and what that does to a picture."""

import base64
import json
import subprocess

import numpy as np
import pytest
from decoder_oracle import mean_image, stored_codes, unpacked
from published_page import REPOSITORY

from vsclib.errors import DataError
from vsclib.traversal.packed import pack_weights
from vsclib.traversal.stored import REFERENCE, STATE, WIDGET

HALF_A_GREY_LEVEL = 0.5


def encoded(weights: np.ndarray) -> str:
    return base64.b64encode(weights.astype("<f2").tobytes()).decode("ascii")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 1000])
def test_a_packed_weight_is_the_nearest_number_with_eight_bits_of_fraction(count):
    weights = np.random.default_rng(count).standard_normal(count).astype("<f2")
    packed = pack_weights(encoded(weights))
    assert len(packed) == 2 * count + -(-count // 3)
    mantissa, exponent = np.frexp(weights.astype(np.float64))
    expected = np.ldexp(np.round(mantissa * 512) / 512, exponent)
    found = unpacked(packed).astype(np.float64)
    assert np.abs(found - weights).max() <= np.abs(expected - weights).max() + 1e-9
    np.testing.assert_allclose(found, weights, rtol=2**-9 + 1e-9)


def test_zeros_smallest_and_largest_weights_stay_finite():
    weights = np.array([0.0, -0.0, 6e-8, -65504.0, 65504.0, 1.999], dtype="<f2")
    found = unpacked(pack_weights(encoded(weights))).astype(np.float64)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, [0, 0, 0, -65408, 65408, 2], rtol=1e-9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_refused_in_one_line(value):
    with pytest.raises(DataError, match="not finite") as refusal:
        pack_weights(encoded(np.array([1.0, value])))
    assert "\n" not in str(refusal.value)


def stored_decoders() -> list[tuple[str, dict, dict]]:
    listed = subprocess.run(
        ["git", "ls-files", "notebooks/*.ipynb", "book/runs/*.ipynb"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    found = []
    for path in listed.stdout.splitlines():
        notebook = json.loads((REPOSITORY / path).read_text("utf-8"))
        models = notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})
        for model in models.values():
            if model["state"].get("_anywidget_id") == WIDGET:
                name = model["state"]["decoder"].removeprefix(REFERENCE)
                found.append((path, model["state"], models[name]["state"]))
    return found


@pytest.mark.parametrize(("path", "state", "decoder"), stored_decoders())
def test_the_books_pictures_move_by_little_more_than_a_grey_level(path, state, decoder):
    short = {**decoder, "weights": encoded(unpacked(pack_weights(decoder["weights"])))}
    for code in stored_codes(state)[:3]:
        stored, page = (mean_image(each, state["shape"], code) for each in (decoder, short))
        assert 255 * np.abs(page - stored).max() + HALF_A_GREY_LEVEL <= 2
