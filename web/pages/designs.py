"""The designs that the network makes, with their facts and licences."""

from __future__ import annotations

from flask import Blueprint, render_template

from web.context import here

pages = Blueprint("designs", __name__)


@pages.get("/designs")
def index() -> str:
    """All revisions."""
    return render_template("designs.html", revisions=here().library.revisions())
