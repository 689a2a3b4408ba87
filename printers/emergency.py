"""The emergency stop of a printer on a line of G-code: M112, said until the printer has answered.

Leaves what becomes of the print to the drivers.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from printers.gcode_link import GcodeLink

#: What a maker reads of a printer that was stopped so.
STOPPED = "it was stopped at once (M112): motors and heaters are off until somebody resets it."
UNHEARD = "it was told to stop at once (M112) and did not answer: pull its plug."

#: A board answers at once, unless it homes and reads nothing meanwhile.
_ANSWER_S = 6.0
#: Where a receive ring was full the first is lost. A board that starts anew boots between two.
_AGAIN_S = 2.0
#: For what else it says: an answer to each line under way, or its greeting.
_REST_S = 1.0
#: In what firmwares say to M112 that do not call it an error.
_WORDS = ("m112", "emergency stop", "halt", "kill")


def shout(link: GcodeLink, exchange: Callable[[float], bool]) -> bool:
    """Tell the printer to stop at once; return whether it said that it has.

    Without number and checksum: many firmwares look for M112 in what they read, before they put it
    behind the lines that wait, and with a number they do not find it.

    Args:
        link: says nothing else from here on.
        exchange: works on the port for so many seconds at most; False when it is lost.
    """
    until_s = time.monotonic() + _ANSWER_S
    again_s = 0.0
    link.heard.clear()
    answered = False
    while (now_s := time.monotonic()) < until_s:
        if not answered and now_s >= again_s:
            link.silence(b"M112\n")
            again_s = now_s + _AGAIN_S
        if not exchange(min(0.1, until_s - now_s)):
            return False
        if not answered and _says_so(link):
            answered, until_s = True, time.monotonic() + _REST_S
    return answered


def _says_so(link: GcodeLink) -> bool:
    return link.broken is not None or any(
        words in said.lower() for said in link.heard for words in _WORDS
    )
