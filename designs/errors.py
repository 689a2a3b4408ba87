"""What can go wrong with a design file, in a maker's words."""

from __future__ import annotations


class DesignError(Exception):
    """Base of every error of this folder; the message is a sentence for a maker."""
