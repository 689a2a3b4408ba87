"""JSON for scripts of signed-in people, and files for nodes.

Orders and the waiting list are the same as on the pages. Nodes sign their requests with the key
that they were enrolled with, and get only the plates of their own live attempts.
"""

from __future__ import annotations

import base64
import binascii
import re

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Blueprint, Response, jsonify, request, send_file

from jobs.coordinator.files import node_public_key, readable_file
from jobs.errors import NotFoundError
from jobs.ledger import views
from web.auth import me
from web.context import here

pages = Blueprint("api", __name__, url_prefix="/api")


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), mimetype="application/json")


@pages.get("/waiting")
def waiting() -> Response:
    """What waits for the one who is signed in."""
    person = me()
    return _json(views.waiting(here().ledger.reading, person.role, person.node))


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
            "revision": view.order.request.revision_id,
            "books": {line.part_id: line.books for line in view.lines},
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
        raw = base64.b64decode(node_public_key(here().ledger, node), validate=True)
        signature = base64.b64decode(request.headers.get("X-Fabnet-Signature", ""), validate=True)
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
    except (NotFoundError, binascii.Error, ValueError, InvalidSignature):
        return False
    return True


@pages.get("/files/<sha256>")
def file(sha256: str) -> Response:
    """A file for a node; ranges are served, so that a broken download can go on."""
    node = request.headers.get("X-Fabnet-Node", "")
    if not node or not _signed_by(node, f"GET /api/files/{sha256}".encode()):
        return _error(401, "Sign the request with the key that this node was enrolled with.")
    context = here()
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not readable_file(context.ledger, node, sha256):
        return _error(403, "No live attempt of this node needs this file.")
    path = context.library.file(sha256)
    if path is None:
        return _error(404, "The library has lost this file; tell the coordination team.")
    return send_file(
        path, mimetype="application/octet-stream", conditional=True, etag=sha256, max_age=0
    )
