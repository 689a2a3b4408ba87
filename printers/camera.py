"""The camera of a printer behind an OctoPrint: one picture, bounded, with nothing in it but the picture.

A picture of a workshop shows more than a print. It is fetched only when its owner looks, is kept
nowhere, and whatever a camera writes into it (place, time, device) is taken out.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import requests

from printers.bounded_http import BoundedAdapter
from printers.errors import CameraError
from printers.octoprint_api import OctoPrintApi

_TIMEOUT_S = (1.5, 4.0)
_MOST_BYTES = 4 << 20
_MOST_PIXELS = 40_000_000
_HERE = {"localhost", "127.0.0.1", "::1"}
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
#: Frame headers: all of them but the tables of Huffman (C4) and arithmetic coding (CC), and C8.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: What programs write into a picture beside it: APP0 to APP15, and comments.
_NOTES = frozenset(range(0xE0, 0xF0)) | {0xFE}


def picture(api: OctoPrintApi) -> bytes:
    """Return what the camera sees now, as a JPEG without notes.

    Raises:
        OctoPrintError: it does not answer, or says no.
        CameraError: it has no camera, or what comes from there is no picture.
    """
    url = snapshot_address(api.url, *api.webcam())
    with requests.Session() as session:
        # It gets no key, no cookie and no password of this machine, and leads nowhere else.
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, BoundedAdapter())
        try:
            with session.get(
                url, timeout=_TIMEOUT_S, allow_redirects=False, stream=True,
                headers={"Accept-Encoding": "identity"},
            ) as answer:  # fmt: skip
                if answer.status_code != requests.codes.ok:
                    raise CameraError(api.url, f"it answers {answer.status_code} {answer.reason}")
                if answer.headers.get("Content-Encoding", "identity") != "identity":
                    raise CameraError(api.url, "its picture cannot be read")
                data = answer.content
        except requests.RequestException as error:
            raise CameraError(api.url, "it does not answer") from error
    return bare(api.url, data)


def snapshot_address(site: str, snapshot: str, stream: str) -> str:
    """Return where the picture is: at the OctoPrint's own machine, and nowhere else.

    An OctoPrint's own address of its camera is often one that only its machine reaches; its stream
    is then at a path that others reach too. Pure.

    Args:
        site: http(s)://host[:port][/path] of the OctoPrint.
        snapshot: as OctoPrint's settings have it.
        stream: the same.

    Raises:
        CameraError: it has none, or one at another machine.
    """
    host = urlsplit(site).hostname
    told = urljoin(f"{site}/", snapshot)
    if snapshot and urlsplit(told).hostname in _HERE and host not in _HERE:
        told = urljoin(f"{site}/", stream.replace("action=stream", "action=snapshot"))
        if "action=snapshot" not in told:
            raise CameraError(site, "its camera can be reached from that machine only")
    if not snapshot:
        raise CameraError(site, "no snapshot address of a camera is in its settings")
    parts = urlsplit(told)
    if parts.scheme not in {"http", "https"} or parts.hostname != host:
        raise CameraError(site, "its camera is at another address than OctoPrint's")
    return told


def bare(url: str, data: bytes) -> bytes:
    """Return a JPEG without its notes, and without what lies behind its end. Pure.

    Raises:
        CameraError: it is none, or too large.
    """
    if len(data) > _MOST_BYTES:
        raise CameraError(url, f"its picture has more than {_MOST_BYTES >> 20} MiB")
    try:
        return _bare(data)
    except (IndexError, ValueError) as error:
        raise CameraError(url, "what comes from there is no JPEG picture") from error


def _bare(data: bytes) -> bytes:
    if data[:2] != bytes((0xFF, _START)):
        raise ValueError("no start")
    kept, at = bytearray(data[:2]), 2
    pixels = 0
    while True:
        if data[at] != 0xFF:  # noqa: PLR2004 - every marker begins so
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker == _END:
            break
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if end < at + 4 or end > len(data):
            raise ValueError("cut short")
        if marker in _FRAMES:
            height, width = (int.from_bytes(data[i : i + 2]) for i in (at + 5, at + 7))
            pixels = height * width
        if marker == _SCAN:
            end = _scan_end(data, end)
        if marker not in _NOTES:
            kept += data[at:end]
        at = end
    if not 0 < pixels <= _MOST_PIXELS:
        raise ValueError("no size")
    return bytes(kept + data[at : at + 2])


def _scan_end(data: bytes, at: int) -> int:
    """Return where the next marker is behind the coded picture: no escaped byte, and no restart."""
    while True:
        at = data.index(b"\xff", at)
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:  # noqa: PLR2004
            return at
        at += 2
