"""The parts of a node's round: one that fails holds up none of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fabnet.errors import SupersededError


def do_all(parts: Iterable[Callable[[], object]]) -> None:
    """Do each part, whatever those before it raise: on a full disk a printer can be stopped still.

    Raises:
        SupersededError: at once.
        Exception: the first that one of them has raised, once all are done.
    """
    first: Exception | None = None
    for part in parts:
        try:
            part()
        except SupersededError:
            raise
        except Exception as error:  # noqa: BLE001 - told below
            first = first or error
    if first is not None:
        raise first
