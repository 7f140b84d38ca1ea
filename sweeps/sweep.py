"""Run a sweep: ``python sweeps/sweep.py accuracy-latents laptop``, or ``make sweep``.

The same call goes on after anything that stopped it: finished runs stay, a killed one goes on from
its checkpoint.

    --dry-run          say what it costs and which jobs are left, and train nothing
    --profile slurm    on a cluster; or the path of a profile of your own
    --cores 2          how many cores to use here
    --pages FOLDER     where chosen runs' notebooks go: book/runs/local
"""

import argparse
import os
import sys
from pathlib import Path

from plan import HERE, ROOT, cores, gpus, main_line, make

from vsclib.errors import CheckpointError, ConfigurationError, VsclibError

SNAKEMAKE = ROOT / ".sweep-venv" / "bin" / "snakemake"


def main() -> int:
    """Check the sweep, say its cost, and become the workflow that makes it."""
    parser = argparse.ArgumentParser(description="Run a sweep.")
    parser.add_argument("sweep", help="name of a file in sweeps/, or its path")
    parser.add_argument("size", help="laptop or full")
    parser.add_argument("--dry-run", action="store_true", help="say the cost; train nothing")
    parser.add_argument("--profile", default="local", help="local, slurm, or a folder")
    parser.add_argument("--cores", type=int, default=cores(), help="cores to use here")
    parser.add_argument("--pages", type=Path, help="folder of the pages: book/runs/local")
    parser.add_argument("--runs", type=Path, help="folder of all sweeps: runs/sweeps")
    parser.add_argument("--snakemake", type=Path, default=SNAKEMAKE, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    here = asked.profile == "local"
    try:
        profile = HERE / "profiles" / asked.profile
        profile = profile if profile.is_dir() else Path(asked.profile).resolve()
        if not (profile / "config.yaml").is_file():
            raise ConfigurationError(f"there is no profile {asked.profile!r}: give local or slurm")
        if not 1 <= asked.cores <= cores():
            raise ConfigurationError(f"cores = {asked.cores} is not allowed: choose 1 to {cores()}")
        plan, said = make(asked.sweep, asked.size, asked.pages, asked.runs, here)
        print(said, flush=True)
        if not asked.snakemake.is_file():
            raise ConfigurationError(f"there is no {asked.snakemake}: make .sweep-venv/.installed")
        if not asked.dry_run:
            _hold(Path(plan["folder"]))
    except VsclibError as error:
        return main_line(error)
    _become(asked, plan, profile)


def _hold(folder: Path) -> None:
    """Hold a sweep's folder as long as this process lives, whatever it becomes.

    Raises:
        CheckpointError: another workflow is at work in it.
    """
    import fcntl

    descriptor = os.open(folder / ".workflow", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CheckpointError(
            f"{folder} is in use by another workflow: wait until it ends"
        ) from None
    os.set_inheritable(descriptor, True)


def _become(asked: argparse.Namespace, plan: dict, profile: Path) -> None:
    """Replace this process by Snakemake, which thereby holds the lock."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    command = [str(asked.snakemake), "--snakefile", str(HERE / "Snakefile")]
    command += ["--profile", str(profile), "--directory", plan["folder"]]
    command += ["--config", f"python={sys.executable}", "planned=yes"]
    # The lock of this sweep is its own, and falls with its holder; Snakemake's would stay.
    command += ["--nolock"]
    if asked.profile == "local":
        command += ["--cores", str(asked.cores), "--resources"]
        command += [f"mem_mb={memory}", f"gpu={len(gpus())}"]
    command += ["--dry-run"] if asked.dry_run else []
    os.execv(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
