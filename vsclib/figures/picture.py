"""A figure with a description that follows the page's colours.

A page may be light or dark, and no grey has a contrast of 4.5 on both. So a ``Picture`` stores two
forms in a notebook: a PNG, which Jupyter shows on a light ground, and a drawing inside the book's
page, whose text and axes take the page's text colour (``vsclib.figures.page``).
"""

import base64
import functools
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from html import escape
from typing import Any, ParamSpec, TypeVar

from matplotlib.figure import Figure
from matplotlib.legend import Legend

from vsclib.arguments import explained
from vsclib.errors import ConfigurationError
from vsclib.figures.look import DOTS_PER_INCH, FULL, HALF, INK, style

DRAWING = "application/vnd.vsclib.drawing"
"""MIME type of the drawing for the book's pages."""

CSS_PIXELS_PER_INCH = 96
_ID = re.compile(r'(\bid="|"#|url\(#)([^")]+)([")])')

P = ParamSpec("P")
R = TypeVar("R")


class Picture(Figure):
    """A matplotlib figure, unknown to pyplot, with a description for readers who cannot see it.

    A notebook shows it as the last line of a cell; :func:`show` shows it anywhere else.

    Attributes:
        alt: the description, a sentence.
    """

    alt: str = ""

    def described(self, alt: str) -> "Picture":
        """The picture itself, with another description; an empty one raises ConfigurationError."""
        self.alt = _description(alt)
        return self

    def png(self) -> bytes:
        """A PNG on transparent ground, 200 dots per inch."""
        buffer = io.BytesIO()
        self._save(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
        return buffer.getvalue()

    def drawing(self) -> str:
        """An SVG element for a page, in the page's text colour."""
        buffer = io.StringIO()
        self._save(buffer, format="svg", metadata={"Date": None})
        width, height = (round(CSS_PIXELS_PER_INCH * side) for side in self.get_size_inches())
        return _for_page(buffer.getvalue(), self.alt, width, height)

    def _save(self, buffer: io.BytesIO | io.StringIO, **options: Any) -> None:
        for legend in self.findobj(Legend):
            legend.set_frame_on(False)  # a white box would hide its text on a dark page
        with style():
            self.savefig(buffer, transparent=True, **options)

    def bundle(self) -> tuple[dict[str, str], dict[str, Any]]:
        """The forms that a notebook stores, by MIME type, and their metadata."""
        data = {
            # No description here: nbval compares this text, and trained numbers vary.
            "text/plain": "<Picture>",
            "image/png": base64.b64encode(self.png()).decode("ascii"),
            DRAWING: self.drawing(),
        }
        width = round(CSS_PIXELS_PER_INCH * self.get_size_inches()[0])
        return data, {"image/png": {"width": width, "alt": self.alt}, "needs_background": "light"}

    def _ipython_display_(self) -> None:
        # Not _repr_mimebundle_: once pyplot is imported, matplotlib's formatter replaces the PNG.
        from IPython.display import publish_display_data

        publish_display_data(*self.bundle())

    def __repr__(self) -> str:
        return f"Picture: {self.alt}"


def show(picture: Picture, alt: str | None = None) -> None:
    """Show a picture before a cell ends, with another description if ``alt`` is given."""
    from IPython.display import display

    display(picture if alt is None else picture.described(alt))


@explained
def canvas(
    alt: str,
    width: str = "full",
    height: float | None = None,
    rows: int = 1,
    columns: int = 1,
    **options: Any,
) -> tuple[Picture, Any]:
    """An empty picture with axes, in the book's style.

    Args:
        alt: description of the picture, a sentence.
        width: ``full`` (7.0 in) or ``half`` (3.4 in).
        height: in inches; None takes 2.8 or 2.6.
        rows, columns: number of axes.
        **options: options of ``matplotlib.figure.Figure.subplots``.

    Returns:
        The picture, and its axes as ``subplots`` gives them. Draw inside ``with figures.style():``,
        so that added text has the book's size and colour.

    Raises:
        ConfigurationError: the description is empty, the width is unknown, or a number is not
            positive.
    """
    sizes = {"full": FULL, "half": HALF}
    if width not in sizes:
        raise ConfigurationError(f"width = {width!r} is not allowed: choose one of 'full', 'half'")
    if height is not None and not 0.1 <= height <= 100:
        raise ConfigurationError(f"height = {height!r} is not allowed: choose 0.1 to 100 inches")
    for name, count in (("rows", rows), ("columns", columns)):
        if isinstance(count, bool) or not 1 <= count <= 100:
            raise ConfigurationError(f"{name} = {count!r} is not allowed: choose 1 to 100")
    with style():
        picture = blank(alt, sizes[width][0], height or sizes[width][1])
        return picture, picture.subplots(rows, columns, **options)


def blank(alt: str, width: float, height: float) -> Picture:
    """A picture without axes; width and height in inches."""
    return Picture(figsize=(width, height), layout="constrained").described(alt)


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Make a function draw in the book's style."""

    @functools.wraps(draw)
    def drawn(*arguments: P.args, **options: P.kwargs) -> R:
        with style():
            return draw(*arguments, **options)

    return drawn


def _description(alt: str) -> str:
    if not alt or not alt.strip():
        remedy = "say in a sentence what the picture shows"
        raise ConfigurationError(f"alt = '' is not allowed: {remedy}")
    return " ".join(alt.split())


def _for_page(svg: str, alt: str, width: int, height: int) -> str:
    """An SVG file as an element of a page: unique ids, a title, the page's colour for ink."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(rf"{INK}|#000000", "currentColor", body, flags=re.IGNORECASE)
    inside, view = body[body.index(">") + 1 :], re.search(r'viewBox="([^"]+)"', body)
    assert view is not None
    # Matplotlib's ids hash floats of the layout, whose last digit varies: number them instead.
    numbers = {name: str(i) for i, name in enumerate(re.findall(r'\bid="([^"]+)"', inside))}
    inside = _ID.sub(lambda match: match[1] + numbers.get(match[2], match[2]) + match[3], inside)
    # Ids must differ between the drawings of one page.
    prefix = "v" + hashlib.sha256((alt + inside).encode()).hexdigest()[:8]
    inside = _ID.sub(rf"\g<1>{prefix}-\g<2>\g<3>", inside)
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'class="vsclib-picture" role="img" aria-labelledby="{prefix}-title" width="{width}" '
        f'height="{height}" viewBox="{view[1]}" fill="currentColor" '
        'style="max-width: 100%; height: auto">\n'
        f'<title id="{prefix}-title">{escape(alt)}</title>'
    )
    return "".join(_without_blank_lines(opening + inside))


def _without_blank_lines(text: str) -> Iterator[str]:
    return (line.strip() + "\n" for line in text.splitlines() if line.strip())
