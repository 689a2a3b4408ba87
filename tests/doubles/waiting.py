"""Waiting for what comes about by itself."""

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def until(true: Callable[[], _T], seconds: float = 100.0, what: str = "it") -> _T:
    """Wait until something is true; return it. The test fails where it takes longer."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"{what} did not come about within {seconds} s"
        time.sleep(0.05)
    return found
