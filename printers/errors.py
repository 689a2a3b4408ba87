"""What can go wrong with a printer, a slice or a G-code file, in a maker's words."""

from __future__ import annotations


class PrinterError(Exception):
    """Base of every error of this folder; the message is a sentence for a maker."""
