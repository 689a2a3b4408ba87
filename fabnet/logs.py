"""One log format for all processes."""

from __future__ import annotations

import logging
import time


def set_up(*, verbose: bool = False) -> None:
    """Write log lines to standard error, in UTC."""
    logging.Formatter.converter = time.gmtime
    logging.Formatter.default_time_format = "%Y-%m-%dT%H:%M:%S"
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
