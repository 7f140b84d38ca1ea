"""A formula of the library that is a little wrong: the check that settles it must fail.

A factor of 1.001 or a turned sign is put behind a function where a module of checks has imported
it. A check that still passes cannot tell the right formula from the wrong one.

Checks by drawing are not here: their intervals are wider than a thousandth. Each formula that they
settle is settled by one of these as well.
"""

import importlib

import pytest

import ledger
from vsclib.errors import CheckFailed

A_LITTLE_MORE = 1.001

# The check, the function in its module, and the part of a tuple that is changed (None: all of it).
CENTRAL = [
    ("vsc_iclr2019_prior_term:gaussian_divergence", "gaussian_kl", None),
    ("vsc_iclr2019_prior_term:prior_term_of_appendix_b", "kl", None),
    ("vsc_iclr2019_prior_term:dense_limit", "kl", None),
    ("vsc_iclr2019_draws:relaxed_step_leaks", "relaxed_gate", None),
    ("vsc_uai2019_supplement_divergence:gaussian_divergence", "gaussian_kl", None),
    ("vsc_uai2019_supplement_divergence:spike_against_spike", "bernoulli_kl", None),
    ("vsc_uai2019_supplement_divergence:whole_divergence", "kl", None),
    ("vsc_uai2019_supplement_density:divergence_by_quadrature", "kl", None),
    ("vsc_uai2019_supplement_selection:sparsity_term", "bernoulli_kl", None),
    ("vsc_uai2019_supplement_selection:weighted_divergence", "averaged_kl", 0),
    ("vsc_uai2019_supplement_selection:weighted_divergence", "averaged_kl", 1),
    ("li_han_supplement_prior:equation_3", "mixture_log_prob", None),
    ("li_han_supplement_posterior:equation_16", "mixture_score", None),
    ("li_han_supplement_posterior:equation_15", "mixture_responsibility", None),
    ("li_han_supplement_posterior:equation_20", "mixture_score_posterior", None),
    ("li_han_2022_tables:psnr_counts_double", "image_psnr", None),
    ("li_han_2022_prior:equation_7", "mixture_score", None),
    ("li_han_2022_model:steps_without_noise", "follow_gradient", None),
    ("li_han_2022_settings:threshold_of_activation", "mixture_responsibility", None),
    ("vsc_iclr2019_draws:step_gives_the_coin", "hard_gate", None),
    ("vsc_iclr2019_prior_term:one_dimension_at_a_time", "gaussian_kl", None),
]


def changed(function, factor, part):
    """The function with its result multiplied, or one part of it."""

    def wrong(*args, **kwargs):
        found = function(*args, **kwargs)
        if part is None:
            return factor * found
        return tuple(factor * x if k == part else x for k, x in enumerate(found))

    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("factor", [A_LITTLE_MORE, -1.0], ids=["a thousandth", "sign"])
@pytest.mark.parametrize(("check", "function", "part"), CENTRAL)
def test_a_check_fails_on_a_library_that_is_a_little_wrong(
    check, function, part, factor, monkeypatch
):
    module = importlib.import_module(f"ledger.checks.{check.partition(':')[0]}")
    monkeypatch.setattr(module, function, changed(getattr(module, function), factor, part))
    with pytest.raises(CheckFailed):
        ledger.run(check)


@pytest.mark.slow
def test_a_gate_whose_slope_is_a_thousandth_off_is_caught(monkeypatch):
    """The gate's slope stands inside the sigmoid: a wrong one changes no sign and no end."""
    from ledger.checks import vsc_iclr2019_draws as checks

    gate = checks.relaxed_gate
    monkeypatch.setattr(
        checks, "relaxed_gate", lambda noise, gamma, slope: gate(noise, gamma, 1.001 * slope)
    )
    with pytest.raises(CheckFailed):
        ledger.run("vsc_iclr2019_draws:relaxed_step_leaks")
