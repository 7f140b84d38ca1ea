"""Run every check of the ledger, print what each finds, and keep it for the book's pages: python -m vsclib.claims."""

import sys

from vsclib.claims.outcomes import keep, run_all
from vsclib.errors import VsclibError


def main() -> int:
    """Run, print, keep."""
    try:
        outcomes = run_all(lambda outcome: print(f"{outcome}\n", flush=True))
    except VsclibError as error:
        print(f"vsclib.claims: {error}", file=sys.stderr)
        return 1
    path = keep(outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    verdicts = sum(len(outcome.verdicts) for outcome in outcomes)
    print(f"{len(outcomes)} checks with {verdicts} verdicts passed in {seconds:.0f} s; kept in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
