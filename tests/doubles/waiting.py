"""Waiting for what comes about by itself."""

import time
from collections.abc import Callable


def until(true: Callable[[], object], seconds: float = 100.0) -> object:
    """Wait until something is true; return it."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
    return found
