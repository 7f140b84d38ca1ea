"""Draw the stills of the toys: what a page shows in print and where JavaScript is off.

    python book/toys/stills.py               every toy
    python book/toys/stills.py coin-price    these

The toys' own code draws them, in a headless Chromium. They are kept in ``book/_assets/toys/``.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from book.toys import bundle
from vsclib.files import write_text

STILLS = bundle.FOLDER.parent / "_assets" / "toys"


def stills(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The toys' names with their stills, drawn now."""
    chosen = os.environ.get("VSCLIB_CHROMIUM")
    found = chosen or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        options = {"executable_path": found} if found else {}
        browser = playwright.chromium.launch(args=["--no-sandbox"], **options)
        page = browser.new_page()
        for name in names:
            page.evaluate(bundle.bundle(bundle.BASE) + bundle.bundle(f"{name}.js"))
            yield (
                name,
                page.evaluate(
                    f'vsclibToys.take("{bundle.BASE}").stillOf(vsclibToys.take("{name}.js"))'
                ),
            )
        browser.close()


if __name__ == "__main__":
    wanted = [bundle.checked(name) for name in sys.argv[1:]] or bundle.names()
    for toy, still in stills(wanted):
        write_text(STILLS / f"{toy}.svg", still)
        print(f"book/_assets/toys/{toy}.svg")
