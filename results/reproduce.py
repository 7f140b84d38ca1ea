"""Repeat the runs behind the book's numbers.

    python results/reproduce.py                     list the runs
    python results/reproduce.py vae-mnist ...       repeat these, every seed
    python results/reproduce.py vae-mnist --seed 1  one seed only

A run that was killed goes on from its last checkpoint. One that is finished is measured again, not
trained again: to train it afresh, delete its folder in runs/.
"""

import argparse
import json
import sys
import tomllib
from pathlib import Path

from papermill import PapermillExecutionError

from vsclib.errors import ConfigurationError, VsclibError, nearest
from vsclib.files import write_text
from vsclib.refiner import Refinement
from vsclib.runs import Experiment, Stopped, execute, kinds

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parent / "notebooks" / "experiments"
NOT_PARAMETERS = ("seeds", "title", "notebook")


def listing() -> dict[str, dict]:
    """Settings of every run by name, defaults filled in."""
    runs = tomllib.loads((HERE / "runs.toml").read_text(encoding="utf-8"))
    defaults = runs.pop("defaults")
    return {name: defaults | settings for name, settings in runs.items()}


def experiment_of(name: str, settings: dict, seed: int, threads: int | None = None) -> Experiment:
    """What one seed of a listed run does; a base is listed by its name without a seed."""
    parameters = {key: value for key, value in settings.items() if key not in NOT_PARAMETERS}
    parameters |= {"name": f"{name}-seed{seed}", "seed": seed, "threads": threads}
    if "base" in settings:
        parameters["base"] = f"{settings['base']}-seed{seed}"
    return kinds()[settings.get("notebook", "train")].of(**parameters)


def reproduce(name: str, settings: dict, seed: int, threads: int | None) -> None:
    """One seed of a run: its record into results/, the first seed's page into book/runs/."""
    experiment = experiment_of(name, settings, seed, threads)
    if isinstance(experiment, Refinement) and not experiment.base_file.is_file():
        reproduce(settings["base"], listing()[settings["base"]], seed, threads)
    page = execute(experiment, NOTEBOOKS / f"{experiment.kind}.ipynb")
    write_text(
        HERE / f"{experiment.title}.json",
        (experiment.path / "record.json").read_text(encoding="utf-8"),
    )
    if seed == settings["seeds"][0]:
        publish(page, HERE.parent / "book" / "runs" / f"{name}.ipynb", settings["title"])


def publish(page: Path, target: Path, title: str) -> None:
    """Put an executed notebook among the book's pages, under a title of its own."""
    notebook = json.loads(page.read_text(encoding="utf-8"))
    first = notebook["cells"][0]
    text = "".join(first["source"]).split("\n", 1)
    first["source"] = "\n".join([f"# {title}", *text[1:]])
    write_text(target, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def main() -> int:
    """Read the command line and repeat what it names."""
    parser = argparse.ArgumentParser(description="Repeat the runs behind the book's numbers.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seed", type=int, help="only this seed")
    parser.add_argument("--threads", type=int, help="CPU threads of a run")
    arguments = parser.parse_args()
    runs = listing()
    try:
        for name in arguments.names:
            if name not in runs:
                raise ConfigurationError(f"there is no run {name!r}: {nearest(name, runs)}")
        for name in arguments.names:
            seeds = runs[name]["seeds"] if arguments.seed is None else [arguments.seed]
            for seed in seeds:
                reproduce(name, runs[name], seed, arguments.threads)
    except Stopped as stopped:
        print(f"reproduce.py: {stopped}", file=sys.stderr)
        return stopped.code
    except (VsclibError, PapermillExecutionError) as error:
        print(f"reproduce.py: {error}", file=sys.stderr)
        return 1
    if not arguments.names:
        print(
            "\n".join(
                f"{name:24} {settings['title']}, seeds {settings['seeds']}"
                for name, settings in runs.items()
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
