"""List the records that are stale: ``python -m vsclib.records results``."""

import sys

import vsclib.refiner  # noqa: F401  (what its records hold is registered there)
from vsclib.errors import VsclibError
from vsclib.records.schema import Standing, read, stale

WORDS = {Standing.MISSING: "missing", Standing.REDEFINED: "measured under another definition"}


def main(folders: list[str]) -> int:
    """Print a line for each stale record; the exit code is 1 if there is one."""
    found, total = 0, 0
    try:
        for record in (one for folder in folders for run in read(folder).values() for one in run):
            reasons = stale(record)
            total += 1
            found += bool(reasons)
            for standing, word in WORDS.items():
                names = [name for name, one in reasons.items() if one is standing]
                if names:
                    print(f"{record['name']}: {word}: {', '.join(names)}")
    except VsclibError as error:
        print(f"python -m vsclib.records: {error}", file=sys.stderr)
        return 1
    print(f"{found} of {total} records are stale" + ": repeat their runs" * bool(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["results"]))
