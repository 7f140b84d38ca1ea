"""What judges compare with decides in time, however an answer is written."""

import time

import sympy
from grading.truth import same

a, b = sympy.symbols("a b", positive=True)


def test_a_right_answer_that_no_simplification_tames_is_right_within_seconds() -> None:
    k = (a**2 + b**2) / (a**2 - b**2)
    u = k + sympy.sqrt(k**2 + 3)
    truth = 1 / (1 + b / a * sympy.exp(u / 2) * (u - 3) / (u + 3))
    root = 2 * sympy.sqrt(a**4 - a**2 * b**2 + b**4)
    v = (a**2 + b**2 + root) / (a**2 - b**2)
    logit = sympy.log((v + 3) / (v - 3)) + sympy.log(a / b) - v / 2
    answer = sympy.exp(logit) / (1 + sympy.exp(logit))
    began = time.process_time()
    assert same(answer, truth, b < a)
    assert not same(answer.subs(b, 2 * b), truth, b < a / 2)
    assert time.process_time() - began < 20
