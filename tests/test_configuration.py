"""Configurations take what they promise, refuse the rest by name in one line, and say what is
allowed in words.
"""

import dataclasses
import math
import re

import numpy as np
import pytest

from vsclib import models
from vsclib.configuration import Count, OpenUnit, Positive, allowed, configuration, configure
from vsclib.errors import ConfigurationError, nearest
from vsclib.training import TrainingConfig


@configuration
class Recipe:
    """A configuration with a field of every kind."""

    share: OpenUnit = 0.5
    """Between both ends."""
    size: Positive = 1.0
    """Above zero."""
    cups: Count = 1
    """Whole."""
    hot: bool = False
    """Yes or no."""
    name: str | None = None
    """Free text."""
    shape: tuple[Count, Count] = (1, 1)
    """Two numbers."""

    def __post_init__(self) -> None:
        if self.hot and self.cups > 3:
            raise ConfigurationError(f"cups = {self.cups} is too many: choose cups <= 3 when hot")


GOOD = [
    {"share": 1e-12},
    {"share": 1 - 1e-12},
    {"size": 3},
    {"cups": 10**6},
    {"cups": np.int64(3)},
    {"hot": True, "cups": 3},
    {"name": None},
    {"shape": (2, 3)},
]
BAD = [
    ({"share": 0.0}, "share = 0.0 is not allowed: choose 0 < share < 1 (a number)"),
    ({"share": 1}, "share = 1 is not allowed: choose 0 < share < 1 (a number)"),
    ({"share": math.nan}, "share = nan is not allowed: choose 0 < share < 1 (a number)"),
    ({"share": "0.5"}, "share = '0.5' is not allowed: choose 0 < share < 1 (a number)"),
    ({"size": math.inf}, "size = inf is not allowed: choose size > 0 (a number)"),
    ({"size": -1.0}, "size = -1.0 is not allowed: choose size > 0 (a number)"),
    ({"cups": 0}, "cups = 0 is not allowed: choose cups >= 1 (a whole number)"),
    ({"cups": 2.0}, "cups = 2.0 is not allowed: choose cups >= 1 (a whole number)"),
    ({"cups": True}, "cups = True is not allowed: choose cups >= 1 (a whole number)"),
    ({"cups": np.int64(0)}, "cups = 0 is not allowed: choose cups >= 1 (a whole number)"),
    ({"cups": np.True_}, "cups = np.True_ is not allowed: choose cups >= 1 (a whole number)"),
    ({"hot": 1}, "hot = 1 is not allowed: choose true or false"),
    ({"name": 7}, "name = 7 is not allowed: choose a text or None"),
    (
        {"shape": (2, 0)},
        "shape = 0 is not allowed: choose 2 values, each shape >= 1 (a whole number)",
    ),
    (
        {"shape": [2, 3]},
        "shape = [2, 3] is not allowed: choose 2 values, each shape >= 1 (a whole number)",
    ),
    ({"hot": True, "cups": 4}, "cups = 4 is too many: choose cups <= 3 when hot"),
]


@pytest.mark.parametrize("options", GOOD)
def test_what_is_allowed_is_kept_as_it_is(options):
    made = configure(Recipe, "recipe", options)
    assert {name: getattr(made, name) for name in options} == options
    assert made == Recipe(**options)


@pytest.mark.parametrize(("options", "message"), BAD)
def test_what_is_not_allowed_is_refused_in_words(options, message):
    with pytest.raises(ConfigurationError, match=re.escape(message) + "$"):
        Recipe(**options)
    with pytest.raises(ConfigurationError, match="^" + re.escape(f"recipe: {message}") + "$"):
        configure(Recipe, "recipe", options)


def test_misspelt_options_are_refused_by_name():
    with pytest.raises(
        ConfigurationError, match=r"^recipe has no option 'shrae': did you mean 'share'\?"
    ):
        configure(Recipe, "recipe", {"shrae": 0.5})
    with pytest.raises(
        ConfigurationError, match=r"^Recipe has no field 'shrae': did you mean 'share'\?"
    ):
        Recipe(shrae=0.5)


def test_a_changed_copy_is_checked_too():
    assert dataclasses.replace(Recipe(cups=2), share=0.1) == Recipe(cups=2, share=0.1)
    with pytest.raises(ConfigurationError, match="choose 0 < share < 1"):
        dataclasses.replace(Recipe(), share=2.0)


def test_positional_values_are_checked_too():
    assert TrainingConfig(5).steps == 5
    with pytest.raises(ConfigurationError, match="choose steps >= 0"):
        TrainingConfig(-5)


@pytest.mark.parametrize("name", models.names())
def test_every_option_of_every_model_says_what_it_is_and_what_is_allowed(name):
    config = models.family(name).Config
    for field in dataclasses.fields(config):
        words = allowed(config, field.name)
        assert re.search(r"number|one of|values|text|true", words), (field.name, words)
        assert any(field.name in vars(cls).get("__annotations__", {}) for cls in config.__mro__)


@pytest.mark.parametrize("name", models.names())
def test_numbers_of_every_model_have_a_range(name):
    """A number of which every value is allowed is one that nobody has thought about."""
    config = models.family(name).Config
    for field in dataclasses.fields(config):
        if "number" in (words := allowed(config, field.name)):
            assert "<" in words or ">" in words, (field.name, words)


def test_nearest_names_the_likely_one_or_all():
    assert (
        nearest("alhpa", ["alpha", "beta"]) == "did you mean 'alpha'? The choices are alpha, beta"
    )
    assert nearest("zzz", ["beta", "alpha"]) == "the choices are alpha, beta"
    assert nearest("zzz", []) == "the choices are (none)"
