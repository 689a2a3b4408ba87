"""JSON for scripts of signed-in people; files and slices for nodes.

Orders and the waiting list are the same as on the pages. Nodes sign their requests with the key
that they were enrolled with, and get only the plates of their own live attempts, and their slices.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from flask import Blueprint, Response, jsonify, request, send_file

from firmware_profiles.loader import all_machines
from jobs.coordinator.files import node_public_key, plate_to_slice, readable_file
from jobs.errors import NotFoundError
from jobs.ledger import views
from jobs.ledger.waiting import can_do
from jobs.ledger.waiting import waiting as waiting_of
from jobs.model import Reason
from printers.errors import NoRoomError, SlicingError
from printers.slices import Slice, SliceRequest
from web.auth import me, signed_with
from web.context import here
from web.words import reason as reason_words

pages = Blueprint("api", __name__, url_prefix="/api")

_SIGN = "Sign the request with the key that this node was enrolled with."
_SLICE_AGAIN_S = 5
_BLOCK = 1 << 18
_GZIP = 16 + zlib.MAX_WBITS


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), mimetype="application/json")


@pages.get("/waiting")
def waiting() -> Response:
    """What waits for the one who is signed in."""
    person, db = me(), here().ledger.reading
    return _json(can_do(db, waiting_of(db, person.role, person.node, here().now()), person.login))


def _why(found: Reason) -> str:
    """Return a reason in the reader's language, with who gives it."""
    who = f"{found.node}/{found.printer}: " if found.node else ""
    return who + reason_words(found)


@pages.get("/orders/<order_id>")
def order(order_id: str) -> Response:
    """State, books, attempts and batches of one order; no personal data."""
    view = views.order_view(here().ledger.reading, order_id)
    return _json(
        {
            "id": view.order.id,
            "state": view.order.state,
            "kits": view.order.request.kits,
            "due": view.order.request.due,
            "priority": view.order.priority,
            "release": view.order.release,
            "revision": view.order.request.revision_id,
            "books": {line.part_id: line.books for line in view.lines},
            "planned_at": max((row.at for row in view.plan), default=None),
            "why": {line.part_id: [_why(reason) for reason in line.reasons] for line in view.lines},
            "attempts": [
                {
                    "ref": str(a.ref),
                    "part": a.part_id,
                    "pieces": a.pieces,
                    "material": a.material,
                    "node": a.node,
                    "printer": a.printer,
                    "state": a.state,
                    "reason": a.reason,
                    "good": a.good,
                    "scrap": a.scrap,
                    "lot": a.lot,
                }
                for a in view.attempts
            ],
            "batches": view.batches,
        }
    )


def _error(status: int, sentence: str) -> Response:
    response = jsonify(error=sentence)
    response.status_code = status
    return response


def _signed_by(node: str, message: bytes) -> bool:
    """Return whether the request carries this node's signature over the message."""
    try:
        key = node_public_key(here().ledger, node)
    except NotFoundError:
        return False
    return signed_with(key, request.headers.get("X-Fabnet-Signature", ""), message)


@pages.get("/files/<sha256>")
def file(sha256: str) -> Response:
    """A file for a node; ranges are served, so that a broken download can go on."""
    node = request.headers.get("X-Fabnet-Node", "")
    if not node or not _signed_by(node, f"GET /api/files/{sha256}".encode()):
        return _error(401, _SIGN)
    context = here()
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not readable_file(context.ledger, node, sha256):
        return _error(403, "No live attempt of this node needs this file.")
    path = context.library.file(sha256)
    if path is None:
        return _error(404, "The library has lost this file; tell the coordination team.")
    return send_file(
        path, mimetype="application/octet-stream", conditional=True, etag=sha256, max_age=0
    )


@pages.get("/slices/<plate_sha256>")
def slice_plate(plate_sha256: str) -> Response:
    """G-code of a plate for a node without a slicer; 202 until it is made."""
    node = request.headers.get("X-Fabnet-Node", "")
    if not node or not _signed_by(node, f"GET {request.full_path}".encode()):
        return _error(401, _SIGN)
    context = here()
    preset, material = request.args.get("preset", ""), request.args.get("material", "")
    wanted = plate_to_slice(context.ledger, node, plate_sha256, preset, material)
    if wanted is None:
        return _error(403, "No live attempt of this node needs this plate on such a printer.")
    if context.slices is None:
        return _error(404, "This coordinator does not slice: install a slicer on the node.")
    machine = next((each for each in all_machines() if each.name == preset), None)
    if machine is None:
        return _error(422, f"The coordinator does not know the machine preset {preset}.")
    path = context.library.file(plate_sha256)
    if path is None:
        return _error(404, "The library has lost this file; tell the coordination team.")
    wish = SliceRequest(
        plate=path,
        plate_sha256=plate_sha256,
        mesh_sha256=wanted.mesh_sha256,
        copies=wanted.copies,
        preset=machine,
        material=material,
    )
    try:
        made = context.slices.ask(wish)
    except NoRoomError as error:
        return _error(503, str(error))
    except SlicingError as error:
        return _error(422, str(error))
    if made is None:
        answer = _json({"state": "being sliced"})
        answer.status_code = 202
        answer.headers["Retry-After"] = str(_SLICE_AGAIN_S)
        return answer
    return _gcode(made)


def _gcode(made: Slice) -> Response:
    """Send a slice, compressed on the way for whoever reads that: two fifths of the bytes."""
    figures = {
        "sha256": made.sha256,
        "seconds": made.seconds,
        "grams": made.grams,
        "layers": made.layers,
        "slicer": made.slicer,
    }
    packed = request.accept_encodings.quality("gzip") > 0
    answer = Response(_blocks(made.gcode, packed=packed), mimetype="text/x.gcode")
    answer.headers["X-Fabnet-Slice"] = json.dumps({"key": made.key, "figures": figures})
    answer.headers["Vary"] = "Accept-Encoding"
    if packed:
        answer.headers["Content-Encoding"] = "gzip"
    return answer


def _blocks(path: Path, *, packed: bool) -> Iterator[bytes]:
    packer = zlib.compressobj(level=1, wbits=_GZIP)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield packer.compress(block) if packed else block
    if packed:
        yield packer.flush()
