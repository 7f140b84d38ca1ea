"""Call every public function with one wrong argument at a time, and say how each call ended.

Executed as a script, in a folder of its own, it writes a table as JSON. A call is *clear* if it ends
with one line of the library's own errors, *taken* if it gives a result or is still at work after a second,
and *unclear* if anything else is raised. A ``TypeError`` of Python for an argument that is
missing or unknown counts as clear: it names the argument.
"""

import importlib
import inspect
import json
import re
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import sympy
import torch

import vsclib
from vsclib import data, figures, metrics, models, networks, records, runs
from vsclib.checks import Verdict, close
from vsclib.errors import VsclibError
from vsclib.models import TrainingStep
from vsclib.training import TrainingConfig

ROOMS = ("vsclib", "data", "data.smiley", "data.uci_har", "models", "metrics", "linear", "networks")
ROOMS += ("inference", "spike_slab", "schedules", "figures", "records", "runs", "checks")
ROOMS += ("training",)
LONGEST = 1500
HUGE = 10**15
PATIENCE = 1.0

SHAPE = (1, 8, 8)
PIXELS = np.random.default_rng(0).integers(0, 256, (40, *SHAPE), dtype=np.uint8)
LABELS = np.arange(40) % 2
FACTORS = np.random.default_rng(1).random((40, 3))
DATA = data.from_array(PIXELS, LABELS, FACTORS, test=0.4)
Z = torch.linspace(-2.0, 2.0, 20).reshape(4, 5)
OPTIONS = {"image_shape": SHAPE, "latents": 5, "hidden": 8, "alpha": 0.3, "gamma_bias": 0.0}


def model() -> models.Model:
    return models.create("vsc", seed=3, **OPTIONS)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def code() -> models.Code:
    return metrics.codes(model(), DATA.test.images)


def experiment(folder: str = "run") -> runs.Experiment:
    return runs.Experiment(
        steps=2, batch_size=4, folder=folder, dataset="wrong_calls", options=OPTIONS
    )


def experiments() -> list[runs.Experiment]:
    return [experiment("one"), experiment("two")]


def history() -> Any:
    return vsclib.fit(model(), DATA, steps=3, batch_size=8, progress=False)


def record() -> records.Record:
    return records.load(DONE.path)


def verdict(name: str, value: Any) -> Verdict:
    return close(name, value, 1.0, 0.1)


def square(x: torch.Tensor, *_: Any) -> torch.Tensor:
    return x.square()


def flat(image_shape: Any, outputs: Any) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(outputs))


T = sympy.Symbol("t", positive=True)
POSITIVE = (0.1 + 0.8 * torch.sigmoid(Z)).clone()

#: A valid value for an argument of that name, or a function that makes one for each call.
BY_NAME: dict[str, Any] = {
    "model": model,
    "data": DATA,
    "images": PIXELS[:20],
    "reconstructions": PIXELS[20:],
    "reconstructed": PIXELS[20:],
    "x": lambda: torch.rand(4, *SHAPE),
    "code": code,
    "generator": seeded,
    "seed": 0,
    "codes": lambda: FACTORS[:, :2] + 1,
    "factors": FACTORS,
    "labels": LABELS,
    "train_codes": FACTORS,
    "train_labels": LABELS,
    "test_codes": FACTORS[:30],
    "test_labels": LABELS[:30],
    "positions": FACTORS[:, :2],
    "z": Z,
    "mu": Z,
    "logvar": Z / 2,
    "gamma": POSITIVE,
    "noise": POSITIVE,
    "logit": Z,
    "deviation": Z,
    "alpha": 0.3,
    "temperature": 0.5,
    "gap": 1.0,
    "slope": 5.0,
    "threshold": 0.1,
    "lam": 0.5,
    "sigma": 0.2,
    "n": 3,
    "start": Z[0],
    "end": Z[1],
    "first": FACTORS,
    "second": FACTORS + 1,
    "image_shape": SHAPE,
    "network": "mlp",
    "network_accuracy": "linear",
    "path": "model.safetensors",
    "name": "a_name",
    "kind": "train",
    "progress": False,
    "record": record,
    "history": history,
    "experiment": experiment,
    "experiments": experiments,
    "classes": ("even", "odd"),
    "train": DATA.train,
    "test": DATA.test,
}
HALVES = {"train_codes": FACTORS, "train_labels": LABELS}
HALVES |= {"test_codes": FACTORS, "test_labels": LABELS}
#: What a function takes instead or besides, by its name behind ``vsclib.``.
OF_FUNCTION: dict[str, dict[str, Any]] = {
    "fit": {"data": DATA, "steps": 2, "batch_size": 8, "learning_rate": 1e-3, "progress": False},
    "training.fit": {"steps": 2, "batch_size": 8, "progress": False},
    "training.fit_many": {
        "models": lambda: [model()],
        "configs": [TrainingConfig(steps=2, batch_size=8, progress=False)],
    },
    "data.about": {"name": "digits"},
    "data.check_images": {"real": False},
    "data.binarised": {"found": DATA, "how": "static"},
    "data.from_array": {
        "images": PIXELS,
        "labels": LABELS,
        "factors": FACTORS,
        "test": 0.3,
        "seed": 1,
    },
    "data.from_folder": {
        "path": "pictures",
        "size": 8,
        "fit": "crop",
        "channels": 1,
        "test": 0.3,
        "seed": 1,
    },
    "data.from_values": {
        "values": FACTORS,
        "labels": LABELS,
        "classes": ("a", "b"),
        "test": 0.3,
        "seed": 1,
    },
    "data.load": {"name": "digits"},
    "data.register": {"name": "mine", "load": lambda: lambda: DATA},
    "data.to_tensor": {"device": "cpu"},
    "data.smiley.load": {"name": "smiley", "train": 3, "test": 3, "seed": 0},
    "data.smiley.sample": {"presence": 0.5},
    "data.smiley.parts": {"present": np.ones((2, 18)), "values": np.zeros((2, 18))},
    "data.smiley.render": {"present": np.ones((2, 18)), "values": np.zeros((2, 18))},
    "data.uci_har.load": {"name": "uci_har"},
    "data.uci_har.to_images": {"values": np.zeros((2, 561))},
    "data.uci_har.from_images": {"images": np.zeros((2, 1, 1, 561))},
    "models.create": {"name": "vsc", "seed": 0, **OPTIONS},
    "models.family": {"name": "vsc"},
    "models.preset": {"name": lambda: models.presets()[0]},
    "models.rebuild": {"name": "vsc", "options": OPTIONS},
    "models.register": {"name": "mine", "cls": lambda: type("Mine", (models.family("vsc"),), {})},
    "metrics.accuracy_by_labels": HALVES | {"counts": (10,), "classifier": "linear", "choices": 1},
    "metrics.blocks": {"correlations": np.eye(4), "block_of_factor": [0, 0, 1, 1]},
    "metrics.block_floor": {"block_of_factor": [0, 0, 1]},
    "metrics.dci": {"codes": FACTORS + 1, "bins": 2, "trees": 2, "depth": 2},
    "metrics.elbo": {"images": DATA.test.images, "samples": 2},
    "metrics.evaluate": {"test_images": 10, "samples": 2},
    "metrics.importance_bound": {"draws": 2},
    "metrics.importance_numbers": {"draws": 2},
    "metrics.conditional_codes": {"n": 2},
    "metrics.psnr_thresholded": {"images": DATA.test.images},
    "metrics.reconstruct": {"images": PIXELS[:5]},
    "metrics.robustness": {"sigmas": (0.0, 0.3), "clipped": (True,), "test_images": 10},
    "metrics.under_noise": {"sigmas": (0.3,), "test_images": 10},
    "metrics.mig": {"bins": 4},
    "metrics.mutual_information": {"bins": 4},
    "metrics.neighbour_agreement": {"neighbours": 3},
    "metrics.trustworthiness": {"neighbours": 3},
    "metrics.tsne": {"perplexity": 5.0, "neighbours": 3},
    "metrics.network_accuracy": {"hidden": 4},
    "metrics.stratified_sample": {"count": 10, "seed": 0},
    "metrics.ssim": {"window": 7},
    "metrics.one_at_a_time": {"components": 2, "steps": 3},
    "linear.pca": {"images": PIXELS, "latents": 3},
    "linear.dictionary": {"images": PIXELS, "latents": 3},
    "networks.continuous_bernoulli_mean": {"logits": Z},
    "networks.continuous_bernoulli_normaliser": {"logits": Z},
    "networks.quartered": {"network": "conv"},
    "networks.factory": {"name": "wrong_calls"},
    "networks.register": {"name": "mine", "make": lambda: flat},
    "inference.follow_gradient": {
        "log_likelihood": lambda: lambda z: -z.square().sum(1),
        "prior_score": lambda: lambda z: -z,
        "steps": 2,
        "step_size": 0.1,
    },
    "inference.follow_score": {"score": lambda: lambda z: -z, "steps": 2, "step_size": 0.1},
    "spike_slab.log_shares": {"batch": 4, "images": 40, "estimator": "stratified"},
    "spike_slab.arrival_count": {"noise": POSITIVE.unsqueeze(2), "log_rate": Z},
    "spike_slab.poisson_kl": {"log_rate": Z, "log_prior": Z / 2},
    "spike_slab.mixture_sample": {"shape": (2, 3), "sigma1": 1.0, "sigma2": 0.1},
    "spike_slab.shifted_soft_threshold": {"threshold": POSITIVE},
    "spike_slab.threshold_gamma": {"threshold": POSITIVE},
    "spike_slab.threshold_price": {"threshold": POSITIVE, "scale": 1.0},
    "spike_slab.split_kl": {"images": 40},
    "spike_slab.warm_up": {"form": "variance_linear"},
    "figures.activation_by_class": {"labels": LABELS[:16]},
    "figures.canvas": {"alt": "A picture.", "rows": 1, "columns": 1, "height": 2.0},
    "figures.casing": {"width": 1.0},
    "figures.code_bars": {"n": 2},
    "figures.compare": {"ours": {"a": [1.0, 2.0]}, "printed": {"a": 1.5}, "quantity": "PSNR"},
    "figures.contrast": {"first": "#000000", "second": "#ffffff"},
    "figures.density": {"z": np.linspace(0, 1, 5), "curves": {"a": np.linspace(0, 1, 5)}},
    "figures.embedding": {"positions": {"a": FACTORS[:, :2]}},
    "figures.latent_grid": {
        "model": lambda: models.create("vae", image_shape=SHAPE, latents=2),
        "n": 3,
    },
    "figures.reconstructions": {"n": 3},
    "figures.samples": {"columns": 3},
    "figures.show": {"picture": lambda: figures.canvas("A picture.")[0]},
    "figures.traversal_strip": {"image": PIXELS[:1], "latents": (0, 1), "values": (-1.0, 1.0)},
    "records.corrected": {"p_values": [0.01, 0.2]},
    "records.exact_test": {"first": [[3.0, 4.0]], "second": [[1.0, 2.0]]},
    "records.definitions_of": {"kind": "train"},
    "records.sentences_of": {"kind": "train"},
    "records.digest": {"sentence": "A sentence."},
    "records.load": {"path": lambda: DONE.path},
    "records.read": {"folder": "."},
    "records.register": {"kind": "mine", "definitions": {"psnr": "A sentence."}},
    "records.standing": {"name": "psnr"},
    "records.summarise": {"records": lambda: [record()], "metric": "psnr"},
    "records.table": {"runs": lambda: {"a": [record()]}, "metrics": {"psnr": ".1f"}},
    "records.table_of": {"rows": [{"a": 1.0}], "columns": {"a": ".1f"}},
    "runs.default_name": {"stem": "vsc-digits", "changed": {"steps": 3}},
    "runs.cell": {"kind": runs.Experiment},
    "runs.parameters_of": {"namespace": {"steps": 3}},
    "runs.provenance": {"device": "cpu"},
    "runs.register": {"kind": runs.Experiment},
    "runs.write_record": {"evaluation": lambda: metrics.evaluate(model(), DATA, seeded(), 4, 1)},
    "checks.close": {"value": 1.0, "expected": 1.0, "tolerance": 0.1, "relative": False},
    "checks.fails": {"check": lambda: verdict, "value": 3.0},
    "checks.correction": {"check": lambda: verdict, "printed": 3.0, "right": 1.0},
    "checks.finite_differences": {"function": lambda: square, "derivative": 2.0, "at": 1.0},
    "checks.gradient": {"function": lambda: square, "inputs": (Z,)},
    "checks.implements": {
        "function": lambda: square,
        "expression": T**2,
        "arguments": lambda: {"x": T},
    },
    "checks.integral": {"integrand": T, "variable": T, "limits": (0, 1), "expected": 0.5},
    "checks.limit": {"expression": 1 / T, "variable": T, "to": 1, "expected": 1},
    "checks.monte_carlo": {"sample": lambda: torch.randn(1000), "expected": 0.0},
    "checks.quadrature": {"function": lambda: square, "limits": (0.0, 1.0), "expected": 1 / 3},
    "checks.slips": {"expression": T + 2},
    "checks.symbolic": {"derived": T + T, "expected": 2 * T},
}
#: What is left out, and why.
LEFT_OUT = {
    "runs.execute": "starts a kernel",
    "runs.write_cell": "rewrites a notebook",
    "runs.run": "a run for each mistake takes too long; Experiment refuses them first",
    "checks.catches": "takes a check of checks",
    "checks.overflow": "takes a mapping of forms",
    "figures.style": "a context without an argument",
}


def functions() -> Iterator[tuple[str, Callable]]:
    """Every public function by its name behind ``vsclib.``, and a model's public methods."""
    for room in ROOMS:
        module = importlib.import_module("vsclib" if room == "vsclib" else f"vsclib.{room}")
        named = getattr(module, "__all__", None) or [n for n in vars(module) if n[0] != "_"]
        for name in named:
            found = getattr(module, name)
            here = (
                found.__module__.startswith(module.__name__) if inspect.isfunction(found) else False
            )
            if here or (inspect.isfunction(found) and getattr(module, "__all__", None)):
                yield name if room == "vsclib" else f"{room}.{name}", found
    built = model()
    for name in ("encode", "decode", "sample", "loss"):
        yield f"model.{name}", getattr(built, name)


OF_FUNCTION |= {
    "model.decode": {"z": torch.zeros(2, 5)},
    "model.loss": {"step": lambda: TrainingStep(torch.rand(4, *SHAPE), seeded())},
    "model.sample": {"n": 2},
}


def valid(name: str, function: Callable) -> dict[str, Any]:
    """Arguments by name with which the function works."""
    own, found = OF_FUNCTION.get(name, {}), {}
    for parameter in inspect.signature(function).parameters.values():
        required = parameter.default is parameter.empty
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name in own:
            found[parameter.name] = own[parameter.name]
        elif required or (parameter.name in ("generator", "threshold") and name[:7] != "metrics"):
            found[parameter.name] = BY_NAME[parameter.name]
    return found | own


def made(value: Any) -> Any:
    """The value, or what its factory makes."""
    return value() if inspect.isfunction(value) else value


def wrong(value: Any) -> Iterator[tuple[str, Any]]:
    """Values that no function may answer with another error than its own."""
    yield from {"None": None, "an object": object(), "a text": "no such thing"}.items()
    if isinstance(value, bool):
        yield "a number", 3
    elif isinstance(value, int):
        numbers = {"-1": -1, "0": 0, "2.5": 2.5, "nan": np.nan, "huge": HUGE, "a list": [value]}
        yield from numbers.items()
    elif isinstance(value, float):
        numbers = {"nan": np.nan, "inf": np.inf, "-1": -1.0, "1e30": 1e30, "a list": [value]}
        yield from numbers.items()
    elif isinstance(value, str | Path):
        yield from {"empty": "", "a number": 3, "bytes": b"x"}.items()
    elif isinstance(value, np.ndarray):
        yield from wrong_arrays(value)
    elif isinstance(value, torch.Tensor):
        for label, array in wrong_arrays(value.numpy()):
            if array.dtype.kind not in "OU":
                yield label, torch.from_numpy(np.ascontiguousarray(array))
        yield "an array", value.numpy()
        yield "bfloat16", value.bfloat16()
    elif isinstance(value, dict):
        yield from {"empty": {}, "other keys": {"no": "such"}, "a number": 3}.items()
    elif isinstance(value, tuple | list) and type(value) in (tuple, list):
        yield from {"empty": (), "too long": (*value, *value), "a number": 3}.items()
        yield "of None", (None,) * len(value)
        yield "of nan", (np.nan,) * len(value)
    else:
        yield from {"a number": 3, "a list": []}.items()
        if not inspect.isfunction(value):
            yield "a function", lambda *_: None


def wrong_arrays(value: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The array in shapes, types and values that do not fit."""
    yield "empty", value[:0]
    yield "one axis more", value[None]
    yield "one axis less", value[0]
    yield "cut", value[:-1]
    yield "narrow", value[..., :-1]
    yield "complex", value.astype(complex)
    yield "texts", value.astype(str)
    yield "objects", value.astype(object)
    yield "whole", value.astype(np.int64)
    yield "negative", -1 - np.abs(value.astype(np.float32))
    for label, number in (("nan", np.nan), ("inf", np.inf), ("1e30", 1e30)):
        yield label, np.full(value.shape, number, dtype=np.float32)


class TooLong(BaseException):
    """The call is still at work."""


def outcome(function: Callable, arguments: dict[str, Any]) -> tuple[str, str]:
    """How a call ends, and its message."""

    def stop(*_: object) -> None:
        raise TooLong

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        function(**arguments)
    except TooLong:
        return "taken", "still at work"
    except VsclibError as error:
        message = str(error)
        clear = message and "\n" not in message and len(message) <= LONGEST
        return "clear" if clear else "unclear", message
    except TypeError as error:
        lacking = re.search(r"(missing|unexpected keyword) .*argument", str(error))
        return "clear" if lacking else "unclear", f"TypeError: {error}"
    except Exception as error:
        return "unclear", f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "taken", ""


def main() -> None:
    """Write ``outcomes.json``: for each function and mistake, how the call ended."""
    global DONE
    warnings.simplefilter("ignore")
    matplotlib.use("agg")
    many = np.random.default_rng(2).random((150, *SHAPE))
    data.register("wrong_calls", lambda: data.from_array(many, np.arange(150) % 2))
    networks.register("wrong_calls", flat)
    DONE = runs.run(runs.Experiment(**{**vars(experiment()), "folder": "done"}), progress=False)
    vsclib.save(model(), "model.safetensors")
    Path("pictures").mkdir()
    for number in range(4):
        matplotlib.image.imsave(f"pictures/{number}.png", PIXELS[number, 0])
    found, invalid = [], {}
    for name, function in functions():
        if name in LEFT_OUT or not inspect.signature(function).parameters:
            continue
        try:
            arguments = valid(name, function)
            end, message = outcome(function, {key: made(v) for key, v in arguments.items()})
        except KeyError as error:
            end, message = "unclear", f"no valid value for {error}"
        if end != "taken":
            invalid[name] = message
            continue
        for key in arguments:
            for label, value in wrong(made(arguments[key])):
                given = {k: made(v) for k, v in arguments.items()} | {key: value}
                found.append((name, key, label, *outcome(function, given)))
    table = {"calls": found, "invalid": invalid, "counts": Counter(row[3] for row in found)}
    Path("outcomes.json").write_text(json.dumps(table, indent=0))


if __name__ == "__main__":
    sys.exit(main())
