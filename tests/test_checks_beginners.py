"""What a beginner gets wrong, check by check: each mistake is named, with what to write instead.

Nothing here may end in an error of Python's, SymPy's or PyTorch's own, nor pass.
"""

import math

import numpy as np
import pytest
import sympy
import torch

from vsclib import checks
from vsclib.errors import ConfigurationError, VsclibError

x, y = sympy.symbols("x y")
x_positive = sympy.Symbol("x", positive=True)
z = sympy.Symbol("z", real=True)
sigma = sympy.Symbol("sigma", positive=True)
f = sympy.Function("f")
MATRIX = sympy.Matrix([[x, 1], [0, x]])
TWINS = r"two symbols are named x: Symbol\('x'\) and Symbol\('x', positive=True\).*make x once"
CALLED = "it is called with "


def symbolic(*arguments, **options):
    return checks.symbolic("a step", *arguments, **options)


def integral(*arguments, **options):
    return checks.integral("an integral", *arguments, **options)


def limit(*arguments, **options):
    return checks.limit("a limit", *arguments, **options)


def implements(function, expression=z, arguments=None, **options):
    given = {"a": z} if arguments is None else arguments
    return checks.implements("a function", function, expression, given, **options)


def close(*arguments, tolerance=0.1):
    return checks.close("a number", *arguments, tolerance)


def differences(function=torch.sin, derivative=torch.cos, at=(1.0, 2.0), **options):
    return checks.finite_differences("a slope", function, derivative, at, **options)


def gradient(function, inputs=(1.2,)):
    return checks.gradient("a gradient", function, inputs)


def draws(sample, expected=0.0, number=2000):
    return checks.monte_carlo("a mean", sample, expected, number)


def quadrature(function=torch.sin, limits=(0.0, math.pi), expected=2.0, **options):
    return checks.quadrature("an area", function, limits, expected, **options)


def sweep(forms, reference=None, **options):
    exact = sympy.tanh(z) if reference is None else reference
    return checks.overflow("a sweep", forms, exact, points=20, **options)


def a_square(name, form):
    return checks.symbolic(name, form, (x + 1) ** 2)


MISTAKES = {
    # Two symbols of one name, wherever they hide.
    "two symbols, one formula": (lambda: symbolic(x_positive**2, x**2), TWINS),
    "two symbols, another formula": (lambda: symbolic(x_positive + 1, x + 2), TWINS),
    "two symbols on one side": (lambda: symbolic(x + x_positive, 2 * x), TWINS),
    "two symbols in a matrix": (lambda: symbolic(MATRIX, MATRIX.subs(x, x_positive)), TWINS),
    "two symbols by an assumption": (lambda: symbolic(x, x, x_positive < 2), TWINS),
    "two symbols by a bound one": (
        lambda: symbolic(sympy.Integral(x_positive, (x, 0, 1)), x_positive),
        TWINS,
    ),
    "two variables of integration": (lambda: integral(x_positive**2, x, (0, 1), 1), TWINS),
    "two symbols in a limit": (lambda: limit(sympy.sin(x_positive) / x_positive, x, 0, 1), TWINS),
    "two symbols in arguments": (
        lambda: implements(torch.square, x_positive**2, {"input": x}),
        TWINS,
    ),
    "two symbols in a reference": (lambda: sweep({"f": torch.tanh}, x + x_positive), TWINS),
    # What is no expression.
    "a text": (lambda: symbolic("x + 1", x + 1), "derived = 'x \\+ 1' .*without quotation marks"),
    "an equation": (lambda: symbolic(x, sympy.Eq(x, y)), "expected = Eq.*one side of the equation"),
    "an equation that holds": (lambda: symbolic(sympy.Eq(x, x), x), "two sides, not the outcome"),
    "a comparison of Python's": (lambda: symbolic(x == x, True), "two sides, not the outcome"),
    "a function": (lambda: symbolic(lambda t: t, x), r"call it with symbols, such as f\(x\)"),
    "a function without argument": (lambda: symbolic(f, x), "call it with symbols"),
    "what solve gives": (lambda: symbolic(sympy.solve(z - 1, z), 1), r"one element of it.*\[0\]"),
    "an array": (lambda: symbolic(np.array([1, 2]), 1), "one number of it"),
    "nothing": (lambda: symbolic(None, x), "does the function that makes it return"),
    "a matrix without entries": (lambda: symbolic(sympy.Matrix([]), sympy.Matrix([])), "give at l"),
    "an indexed symbol": (
        lambda: symbolic(sympy.IndexedBase("a")[1], y),
        "symbol with an index.*sympy.Symbol for each entry",
    ),
    "a matrix symbol": (lambda: symbolic(sympy.MatrixSymbol("A", 2, 2), y), "entries of an expl"),
    "a formula left out": (lambda: symbolic(f(x), x), r"f\(x\) has no formula: put one"),
    # Assumptions.
    "an assumption in quotation marks": (lambda: symbolic(x, x, "x > 0"), "not in quotation marks"),
    "assumptions in a tuple": (lambda: symbolic(z, z, (z > 0, z < 1)), "write each by itself"),
    "assumptions tied together": (lambda: symbolic(z, z, sympy.And(z > 0, z < 1)), "each by itsel"),
    "== as an assumption": (lambda: symbolic(x, x, x == y), "False is what Python's == gives"),
    # Integrals.
    "limits with the variable": (lambda: integral(x**2, x, (x, 0, 1), 1), "two ends alone"),
    "one limit": (lambda: integral(x**2, x, 1, 1), "two ends alone"),
    "a limit in quotation marks": (lambda: integral(z, z, (0, "oo"), 1), r"limits\[1\] = 'oo'"),
    "an antiderivative": (lambda: integral(x**2, x, (0, 1), x**3 / 3), "holds the variable x"),
    "up to the variable": (lambda: integral(x, x, (0, x), 1), "a limit holds the variable x"),
    "another variable": (lambda: integral(z**2, sigma, (0, 1), 1), "integrand without sigma"),
    "a matrix integrated": (lambda: integral(MATRIX, x, (0, 1), 1), "entries .* one by one"),
    "an integrand without formula": (lambda: integral(f(x), x, (0, 1), 1), r"f\(x\) has no form"),
    "no sign assumed": (
        lambda: integral(sympy.exp(-y * z), z, (0, sympy.oo), 1 / y),
        "at y = -.*positive=True",
    ),
    "a value missing": (
        lambda: integral(z, z, (0, 1), sympy.log(y) * f(y)),
        r"no value, at y = .* \(f\(y\) has no formula",
    ),
    # Limits.
    "a Limit in a limit": (lambda: limit(sympy.Limit(x, x, 0), x, 0, 1), "what stands inside it"),
    "an infinity in quotation marks": (lambda: limit(1 / x, x, "oo", 0), "to = 'oo'.*sympy.oo"),
    "a limit that still moves": (lambda: limit(x * z, x, 0, x), "write it without x"),
    "a point that moves": (lambda: limit(x * y, x, x, 1), "write it without x"),
    "a matrix as limit": (lambda: limit(x, x, 0, sympy.eye(2)), "entries .* one by one"),
    # Functions against expressions.
    "a tuple for an expression": (
        lambda: implements(torch.tanh, (sympy.tanh(z),), {"input": z}),
        r"expression = \(tanh\(z\),\) \(tuple\) is no expression: give one element",
    ),
    "a matrix for an expression": (lambda: implements(torch.tanh, MATRIX), "entries .* one by one"),
    "a tuple for an argument": (
        lambda: implements(torch.tanh, z, {"input": (z,)}),
        r"arguments\['input'\] = \(z,\)",
    ),
    "a text for an argument": (
        lambda: implements(torch.tanh, z, {"input": "z"}),
        r"arguments\['input'\] = 'z'",
    ),
    "an argument of another name": (
        lambda: implements(lambda b: b),
        r"unexpected keyword argument 'a'.*it is called with \(a = float64 \(\)\)",
    ),
    "an argument too few": (lambda: implements(lambda a, b: a + b), f"missing .*'b'.*{CALLED}"),
    "a symbol in no argument": (
        lambda: implements(lambda a: a, z * sigma),
        "sigma stands in the expression and in no argument",
    ),
    "SymPy's function on tensors": (lambda: implements(sympy.tanh, z), "called with"),
    "SymPy's numbers returned": (lambda: implements(lambda a: sympy.Float(a)), "torch's functions"),
    "nothing returned": (lambda: implements(lambda a: None), "does not return its result"),
    "two things returned": (lambda: implements(lambda a: (a, a)), "a tuple: return one tensor"),
    "a function that breaks": (lambda: implements(lambda a: a[0]), f"IndexError.*{CALLED}"),
    "a name misspelt inside": (lambda: implements(lambda a: a.sinn()), f"AttributeError.*{CALLED}"),
    "outside the real numbers": (
        lambda: implements(torch.sqrt, sympy.sqrt(z), {"input": z}),
        "no finite real value at z = -.*positive=True",
    ),
    # Numbers.
    "SymPy's number": (lambda: close(sympy.pi, 3.14), r"Pi .*write float\(...\)"),
    "a formula for a number": (lambda: close(x + 1, 3.14), "put numbers for x"),
    "a list of SymPy's numbers": (lambda: close([sympy.pi], [3.14]), r"float\(...\) of SymPy's"),
    "lists of two lengths": (lambda: close([[1.0], [1.0, 2.0]], 1.0), "lists of one length"),
    "a function for a number": (lambda: close(math.sin, 1.0), "call it, and give its result"),
    # Derivatives.
    "math's function": (lambda: differences(math.sin, at=1.0), "is float, .*torch's functions"),
    "math's function of many": (lambda: differences(math.sin), f"ValueError.*{CALLED}"),
    "math's derivative": (lambda: differences(derivative=math.cos), f"ValueError.*{CALLED}"),
    "a derivative of two": (lambda: differences(derivative=lambda a, b: a), f"'b'.*{CALLED}"),
    "an array returned": (lambda: differences(lambda v: np.sin(v.numpy())), "is ndarray, no float"),
    "less precision": (lambda: differences(lambda v: v.float().sin()), "without .float"),
    "a shape that breaks": (
        lambda: differences(lambda v: v @ torch.ones(3).double()),
        rf"RuntimeError.*{CALLED}\(float64 \(2,\)\)",
    ),
    # Gradients.
    "inputs without a list": (
        lambda: gradient(torch.sin, torch.tensor([1.0])),
        r"inputs is Tensor.*write \[x\]",
    ),
    "no inputs": (
        lambda: gradient(lambda: torch.ones(()), []),
        "inputs is list, not a list of one",
    ),
    "each number an input": (lambda: gradient(torch.sin, [1.0, 2.0]), "but 2 were given"),
    "NumPy inside": (lambda: gradient(lambda v: v.numpy()), f"RuntimeError.*{CALLED}"),
    "a number returned": (lambda: gradient(lambda v: v.item() ** 2), r"is|gives float.*no \.item"),
    "whole numbers": (lambda: gradient(lambda v: v.round().long()), "torch.int64.*without"),
    "a model of float32": (
        lambda: gradient(torch.nn.Linear(2, 1), [torch.ones(2)]),
        f"dtype.*{CALLED}",
    ),
    # Draws.
    "no generator taken": (
        lambda: draws(lambda n: torch.randn(n)),
        "called with .*2000, Generator",
    ),
    "a distribution": (lambda: draws(torch.distributions.Normal(0.0, 1.0)), "number of draws and"),
    "its method": (lambda: draws(torch.distributions.Normal(0.0, 1.0).sample), CALLED),
    "NumPy's generator": (
        lambda: draws(lambda n, g: g.normal(size=n)),
        f"AttributeError.*{CALLED}",
    ),
    "a mean instead of draws": (
        lambda: draws(lambda n, g: torch.randn(n, generator=g).mean()),
        "the draws, not their mean",
    ),
    "a formula expected": (lambda: draws(torch.zeros(2000), sigma), "put numbers for sigma"),
    # Quadrature.
    "three limits": (lambda: quadrature(limits=(0.0, 1.0, 2.0)), "two ends alone"),
    "a limit that is no number": (lambda: quadrature(limits=(0.0, math.nan)), "limit nan is no"),
    "a symbol as limit": (lambda: quadrature(limits=(0.0, sigma)), "limit sigma is no real number"),
    "an integrand of two": (lambda: quadrature(lambda a, b: a), f"'b'.*{CALLED}"),
    "an integrand that breaks": (lambda: quadrature(lambda a: a.sinn()), f"Attribute.*{CALLED}"),
    # Sweeps.
    "no form": (lambda: sweep({}), "give at least one form"),
    "a range upside down": (lambda: sweep({"f": torch.tanh}, z=(40.0, 0.0)), "0 <= from < to"),
    "math's form": (lambda: sweep({"f": math.tanh}), f"ValueError.*{CALLED}"),
    "a form that gives a number": (lambda: sweep({"f": lambda v: v.sum().item()}), "gives a float"),
    "a precision without rounding": (
        lambda: sweep({"f": torch.tanh}, precisions=[torch.int32]),
        "int32 has no rounding",
    ),
    "torch's reference": (lambda: sweep({"f": torch.tanh}, torch.tanh), "no real value at z = 0"),
    "a reference without formula": (lambda: sweep({"f": torch.tanh}, f(z)), r"f\(z\) has no form"),
    "a complex reference": (
        lambda: sweep({"f": torch.tanh}, sympy.sqrt(z)),
        "no real value at z =",
    ),
    # Checks of checks.
    "a check that returns a truth": (
        lambda: checks.fails(lambda name, form: form == x, "a slip", x),
        r"returns True \(bool\), no verdict: return what",
    ),
    "a check that returns nothing": (
        lambda: checks.correction("a form", lambda name, form: None, printed=x, right=y),
        r"returns None \(NoneType\), no verdict",
    ),
    "a check of one argument": (
        lambda: checks.correction("a form", lambda form: None, printed=x, right=y),
        r"called with \(the name, y\) \(too many positional arguments\)",
    ),
    "a check that wants more": (
        lambda: checks.catches("a form", checks.symbolic, x + 1),
        "missing a required argument: 'expected'",
    ),
    "nothing to slip in": (
        lambda: checks.catches("a form", lambda name, form: a_square(name, (x + 1) ** 2), x),
        "no sum and no square to slip in",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_what_to_write_instead(mistake):
    call, reason = MISTAKES[mistake]
    with pytest.raises(VsclibError, match=reason) as refusal:
        call()
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 500


def test_what_a_beginner_may_well_write_is_taken():
    assert integral(x**2, x, [0, 1], sympy.Rational(1, 3)).passed
    assert integral(sympy.exp(-(z**2)), z, (-math.inf, np.inf), sympy.sqrt(sympy.pi)).passed
    assert quadrature(limits=[0, sympy.pi]).passed
    assert quadrature(torch.abs, (-1, 2), 2.5, breaks=[0]).passed
    assert draws([0.5, -0.5] * 1000).passed and draws(np.array([0.5, -0.5] * 1000)).passed
    grown = [torch.ones((), requires_grad=True), torch.zeros(())]
    assert close(grown, [1.0, 0.0]).passed and close(torch.eye(2).to_sparse(), torch.eye(2)).passed
    assert "passed" in str(sweep({"tanh": torch.tanh}, safe="tanh").verdict)
    assert symbolic(sympy.Integral(sigma * z, (z, 0, 1)), sigma / 2).passed


def test_dummies_of_one_name_are_two_on_purpose():
    first, second = sympy.Dummy("t", positive=True), sympy.Dummy("t")
    assert symbolic(first + second, second + first).passed


def test_a_sweep_names_the_rows_that_it_has():
    rows = sweep({"tanh": torch.tanh}, precisions=[torch.float32])
    with pytest.raises(ConfigurationError, match="did you mean 'tanh in float32'"):
        rows.row("tan", "float32")


def test_a_check_s_own_error_is_not_hidden():
    with pytest.raises(MemoryError):
        implements(lambda a: (_ for _ in ()).throw(MemoryError()))
