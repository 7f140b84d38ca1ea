"""What the book's first page says, held against the pages and records that it speaks of."""

import base64
import json
import re

import numpy as np
from decoder_oracle import mean_image, stored_codes
from published_page import REPOSITORY

from ledger.landing_figure import ROWS, bounds
from vsclib.traversal.stored import REFERENCE

PREFACE = (REPOSITORY / "book" / "preface.md").read_text("utf-8")
LANDING = json.loads((REPOSITORY / "results" / "landing.json").read_text("utf-8"))


def stated_minutes(folder: str) -> int:
    """The sum of the times that the notebooks of a folder say they take."""
    total = 0
    for path in sorted((REPOSITORY / folder).glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        text = " ".join("".join(cell["source"]) for cell in cells)
        found = re.search(r"\*\*It takes\*\* (?:about )?(\d+) minutes", text)
        assert found, f"{path.name} does not say how long it takes"
        total += int(found[1])
    return total


def test_the_stated_hours_are_the_sum_of_the_pages():
    chapters, derivations = stated_minutes("notebooks"), stated_minutes("notebooks/derivations")
    words = " ".join(PREFACE.split())
    assert "about nine hours, and the derivations another five and a half" in words
    assert "fourteen and a half hours in all" in words
    assert abs(chapters / 60 - 9) <= 0.35 and abs(derivations / 60 - 5.5) <= 0.35
    assert abs((chapters + derivations) / 60 - 14.5) <= 0.35


def test_the_figure_shows_what_its_caption_says():
    vae, small, sparse, large = (np.array(bounds(selection)[0]) for _, _, selection in ROWS)
    assert len(vae) == len(small) == len(sparse) == len(large) >= 3
    assert small.max() < sparse.min() and sparse.max() < large.min()


def test_both_models_of_the_page_draw_its_digits():
    models = LANDING["state"]
    first = models[LANDING["model_id"]]["state"]
    second = models[first["beside"].removeprefix(REFERENCE)]["state"]
    assert (first["title"], second["title"]) == ("VAE", "VSC")
    pixels = np.frombuffer(base64.b64decode(first["pixels"]), np.uint8) / 255
    images = pixels.reshape(first["count"], *first["shape"])
    for state in (first, second):
        decoder = models[state["decoder"].removeprefix(REFERENCE)]["state"]
        for image, code in zip(images, stored_codes({**state}), strict=True):
            error = ((mean_image(decoder, first["shape"], code) - image) ** 2).mean()
            assert 10 * np.log10(1 / error) > 10
    zeros = (stored_codes(second) == 0).mean(axis=1)
    assert (zeros > 0.6).all() and not (stored_codes(first) == 0).any()
    assert f"`{first['dimensions']} <latents of both models" in PREFACE
    assert first["dimensions"] == second["dimensions"]
