"""Run every check of the ledger, print and store what each finds: python -m ledger."""

import sys

from ledger.outcomes import run_all, store
from vsclib.errors import ConfigurationError


def main() -> int:
    """Run, print, store; nothing is stored when a check fails."""
    try:
        outcomes, failed = run_all(lambda line: print(line, flush=True))
    except ConfigurationError as error:
        print(f"ledger: {error}", file=sys.stderr)
        return 1
    if failed:
        print(f"ledger: {len(failed)} checks failed: {', '.join(failed)}", file=sys.stderr)
        return 1
    path = store(outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    verdicts = sum(len(outcome.verdicts) for outcome in outcomes)
    print(
        f"{len(outcomes)} checks with {verdicts} verdicts passed in {seconds:.0f} s; "
        f"stored in {path}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
