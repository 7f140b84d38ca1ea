"""Run every check of the ledger, print what each finds, and keep it for the book's pages: python -m
vsclib.claims.
"""

import sys

from vsclib.claims.outcomes import keep, run_all


def main() -> int:
    """Run, print, keep; nothing is kept when a check fails."""
    outcomes, failed = run_all(lambda found: print(f"{found}\n", flush=True))
    if failed:
        print(f"vsclib.claims: {len(failed)} checks failed: {', '.join(failed)}", file=sys.stderr)
        return 1
    path = keep(outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    verdicts = sum(len(outcome.verdicts) for outcome in outcomes)
    print(
        f"{len(outcomes)} checks with {verdicts} verdicts passed in {seconds:.0f} s; kept in {path}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
