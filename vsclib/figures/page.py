"""How the book's pages show a :class:`~vsclib.figures.Picture`: as a drawing in the page, with its
description.

MyST-NB finds :class:`PictureOnPage` through the entry point ``myst_nb.mime_renderers`` of this
package.
"""

from typing import Any, ClassVar

from vsclib.figures.picture import DRAWING

HTML_BUILDERS = ("html", "dirhtml", "singlehtml")


class PictureOnPage:
    """Renderer for MyST-NB: the drawing on HTML pages, the PNG with its description everywhere
    else.
    """

    # Ahead of the PNG that the same output holds (50).
    mime_priority_overrides: ClassVar = [(builder, DRAWING, 35) for builder in HTML_BUILDERS]

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[Any] | None:
        """Nodes for an output, or None for outputs that are no picture of ours."""
        if data.mime_type == DRAWING:
            from docutils import nodes

            return [nodes.raw(text=data.content, format="html")]
        alt = (
            data.output_metadata.get(data.mime_type, {}).get("alt")
            if data.mime_type == "image/png"
            else None
        )
        if alt is None:
            return None
        images = renderer.render_image(data)
        for image in images:
            image.setdefault("alt", alt)
        return images
