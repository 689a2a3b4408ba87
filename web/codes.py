"""QR codes, as pictures inside a page: whoever points a telephone at one opens the address in it."""

from __future__ import annotations

import segno
from flask import Flask
from markupsafe import Markup


def qr(text: str) -> Markup:
    """Return a QR code as an SVG that takes its size from the style sheet.

    A quarter of it may be dirty or torn and it is still read (level Q). It is black on white
    whatever the page's colours are: readers do not all know the inverse.
    """
    code = segno.make(text, error="q", micro=False, boost_error=False)
    drawn = code.svg_inline(
        border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    return Markup(drawn)  # noqa: S704 - segno writes numbers and our two colours into it


def register(app: Flask) -> None:
    """Give templates the filter."""
    app.jinja_env.filters["qr"] = qr
