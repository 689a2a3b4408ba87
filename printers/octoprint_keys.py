"""Asks an OctoPrint for an application key: a person accepts on its page, and nobody copies a key.

OctoPrint's own Application Keys flow: probe, request, and a poll at least every 5 s until the
decision (docs.octoprint.org, bundled plugin appkeys). The answers are read in
`printers.recognise`; what is done with the key is the caller's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import requests

from printers.errors import OctoPrintError, OctoPrintLostError
from printers.recognise import (
    KeyAnswer,
    KeyStep,
    read_key_decision,
    read_key_probe,
    read_key_request,
)

_APP = "fabnet"
_TIMEOUT_S = (3.0, 10.0)
_POLL_S = 2.0
#: OctoPrint forgets the question after ten minutes.
_POLLS = int(600 / _POLL_S)
_LOST_POLLS = 5


def _ask(url: str, method: str, path: str, **kwargs: Any) -> tuple[int, Any]:
    try:
        # A redirect would lead the question to another address.
        answer = requests.request(
            method, url + path, timeout=_TIMEOUT_S, allow_redirects=False, **kwargs
        )
    except requests.exceptions.SSLError as error:
        why = "its certificate is of nobody that this machine knows: write its address with http://"
        raise OctoPrintError(url, why) from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise OctoPrintLostError(url, refused=False) from error
    except (requests.RequestException, UnicodeError) as error:
        raise OctoPrintError(url, "write its address as http://host:port") from error
    try:
        return answer.status_code, answer.json()
    except requests.JSONDecodeError:
        return answer.status_code, None


def can_ask_for_key(url: str) -> bool:
    """Whether an OctoPrint answers at this address that gives keys on request.

    Raises:
        OctoPrintError: nobody answers, or this is no address.
    """
    status, _ = _ask(url.rstrip("/"), "GET", "/plugin/appkeys/probe")
    return read_key_probe(status)


def ask_for_key(
    url: str, told: Callable[[str], None], stop: threading.Event, *, user: str = ""
) -> str:
    """Ask for a key, and wait until a person has decided; return the key.

    Args:
        url: http(s)://host[:port][/path].
        told: is called once, with the address of the page where the person accepts.
        stop: ends the waiting.
        user: OctoPrint's name of the person, who alone is asked then; "" asks whoever is signed in.

    Raises:
        OctoPrintError: it was refused, or not decided within ten minutes, or cannot be asked for.
    """
    url = url.rstrip("/")
    if not can_ask_for_key(url):
        raise OctoPrintError(url, _WHY[KeyStep.NOT_THERE])
    body = {"app": _APP, **({"user": user} if user else {})}
    answer = read_key_request(*_ask(url, "POST", "/plugin/appkeys/request", json=body))
    if answer.step is KeyStep.WAITING:
        # Never the address that OctoPrint makes of the Host header: behind a proxy it is wrong.
        told(url)
    lost = 0
    for _ in range(_POLLS):
        if answer.step is not KeyStep.WAITING or stop.wait(_POLL_S):
            break
        try:
            answer = _poll(url, answer.token)
            lost = 0
        except OctoPrintLostError:
            lost += 1
            if lost == _LOST_POLLS:
                raise
    if answer.step is KeyStep.GRANTED:
        return answer.key
    raise OctoPrintError(url, _WHY[answer.step])


def _poll(url: str, token: str) -> KeyAnswer:
    status, body = _ask(url, "GET", f"/plugin/appkeys/request/{token}")
    return read_key_decision(status, body, token)


_WHY = {
    KeyStep.WAITING: "nobody has accepted on its page; ask again",
    KeyStep.REFUSED: "the key was refused on its page, or nobody decided in time; ask again",
    KeyStep.TOO_MANY: "it was asked too often; wait ten minutes",
    KeyStep.NOT_THERE: (
        "it gives no key on request: is this an OctoPrint, and was it set up? Else make a key in its"
        " settings (Application Keys), write it into a file, and name that with --key-file"
    ),
}
