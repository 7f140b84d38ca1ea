"""Pictures on the book's pages: a drawing in the page, with its description.

MyST-NB finds :class:`PictureOnPage` by the package's entry point ``myst_nb.mime_renderers``.
"""

from typing import Any, ClassVar

from vsclib.figures.picture import DRAWING

HTML_BUILDERS = ("html", "dirhtml", "singlehtml")


class PictureOnPage:
    """Renderer for MyST-NB: the drawing on HTML pages, else the PNG with its description."""

    # Ahead of the output's PNG (50).
    mime_priority_overrides: ClassVar = [(builder, DRAWING, 35) for builder in HTML_BUILDERS]

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[Any] | None:
        """Nodes for an output; None if it is not one of our pictures."""
        if data.mime_type == DRAWING:
            from docutils import nodes

            return [nodes.raw(text=data.content, format="html")]
        alt = data.output_metadata.get("image/png", {}).get("alt")
        if alt is None or data.mime_type != "image/png":
            return None
        images = renderer.render_image(data)
        for image in images:
            image.setdefault("alt", alt)
        return images
