"""Where pages and commands, which run in other threads, put what the owner wishes.

The agent's loop takes it from there. Leaves what is done to `fabnet.node.owner`.
"""

from __future__ import annotations

import queue
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as LateError

from jobs.errors import RefusedError
from jobs.owner import NodeView, Wish

_ANSWER_S = 15.0


class Desk:
    """Where pages and commands put wishes; used from any thread."""

    def __init__(self) -> None:
        self._wishes: queue.Queue[tuple[Wish, Future[NodeView]]] = queue.Queue()

    def ask(self, wish: Wish) -> NodeView:
        """Return how things stand after the wish.

        Raises:
            RefusedError: it is not possible now, or the node did not answer; nothing was changed.
            InvalidFieldError: a count or a reason cannot be used.
            NotFoundError: there is no such plate or printer.
        """
        future: Future[NodeView] = Future()
        self._wishes.put((wish, future))
        try:
            return future.result(_ANSWER_S)
        except (LateError, CancelledError) as error:
            if future.cancel() or future.cancelled():
                raise RefusedError("The node did not answer. Please try again.") from error
            return future.result(_ANSWER_S)

    def take(self) -> tuple[Wish, Future[NodeView]] | None:
        """Return the next wish that is still wanted, None where there is none."""
        while not self._wishes.empty():
            wish, future = self._wishes.get_nowait()
            if future.set_running_or_notify_cancel():
                return wish, future
        return None
