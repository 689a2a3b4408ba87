"""Counting what came off a bed, on a telephone beside the printer."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import cast

from flask import (
    Blueprint,
    Response,
    redirect,
    render_template,
    request,
    send_file,
    session,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from designs.model import BY_PEOPLE
from designs.pattern import TYPES
from firmware_profiles.loader import load_machine, machine_names
from jobs.coordinator import harvests
from jobs.coordinator.lot_photos import MOST_AT_ONCE, MOST_PHOTOS
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.ledger import labs, lot_photos, views
from jobs.ledger.views import AttemptView
from jobs.lifecycle import TO_HARVEST, UNGRANTED, AttemptState
from printers.model import MANUAL, OWN_SLICE, PrinterFacts
from web.auth import me, only_at
from web.beds import outlines
from web.context import HostedNodes, here
from web.forms import HAND_REASONS, SCRAP_REASONS, Form, attempt_ref, harvest_from
from web.language import gettext as _
from web.sentences import said_here
from web.serving import MOST_BODY_BYTES

pages = Blueprint("harvests", __name__)

#: Letters of the part's name, and of the job's id, in the name of a file on a card.
_CARD_STEM, _CARD_TAIL = 12, 4
#: A name that is cut does not end in a word as short as this: "POCHETTE-EN".
_SMALL_WORD = 3
#: What a person works from: by ending, as browsers call it.
_FILES = {"gcode": "text/x.gcode", **TYPES}
#: From a card, a print begins when its maker puts the card in.
_TO_SLICE = UNGRANTED - {AttemptState.OFFERED} | {AttemptState.GRANTED, AttemptState.PRINTING}
_COUNTABLE = TO_HARVEST | {AttemptState.WRITTEN_OFF}


@pages.url_value_preprocessor
def _allow_gcode(endpoint: str | None, _values: dict[str, object] | None) -> None:
    """Let G-code be as large as the server takes, before anything reads its form."""
    if endpoint == "harvests.bring":
        request.max_content_length = MOST_BODY_BYTES


@pages.route("/harvest/<ref>", methods=["GET", "POST"])
def count(ref: str) -> str | AnyResponse | tuple[str, int]:
    """Count good and scrap; afterwards the same page shows the lot's code."""
    context = here()
    found = views.attempt(context.ledger.reading, attempt_ref(ref))
    only_at(found.node)
    if request.method == "GET":
        return _page(found, _as_it_ought_to_be(found))
    form = Form(request.form)
    good, scrap, reason = harvest_from(form, found.pieces)
    if form.good:
        try:
            harvests.harvest(
                context.ledger, found.ref, good, scrap, reason, me().login, context.now()
            )
        except InvalidFieldError as error:
            form.refused(error)
        except RefusedError:
            # Counted while this page was open: the page shows what was counted.
            if views.attempt(context.ledger.reading, found.ref).state is not AttemptState.HARVESTED:
                raise
    if not form.good:
        return _page(found, form), 422
    return redirect(url_for(".count", ref=ref), 303)


def _as_it_ought_to_be(found: AttemptView) -> Form:
    """The form of a count, with what is most likely typed in."""
    whole = found.state in (AttemptState.PRINTED, AttemptState.PRINTING)
    return Form({"good": str(found.pieces if whole else 0), "scrap": "0"})


@pages.get("/attempts/<ref>/gcode")
def gcode(ref: str) -> Response | tuple[str, int]:
    """The file for an SD card, or the pattern, under a name that a person finds again."""
    context = here()
    found = views.attempt(context.ledger.reading, attempt_ref(ref))
    only_at(found.node)
    if not _by_hand(found, _facts(found)):
        raise RefusedError(f"{found.ref} is {found.state}; nobody works from a file of it now.")
    path = _brought(found) or context.gcode_of(found)
    if path is None:
        return _page(found, Form()), 404
    return send_file(
        path, mimetype=_FILES[_kind(found)], as_attachment=True,
        download_name=_card_name(found), max_age=0,
    )  # fmt: skip


@pages.get("/attempts/<ref>/plate.3mf")
def plate(ref: str) -> Response:
    """A plate, to be sliced by its maker."""
    found = views.attempt(here().ledger.reading, attempt_ref(ref))
    only_at(found.node)
    return send_file(
        _plate_file(found), mimetype="model/3mf", as_attachment=True,
        download_name=f"{found.ref}.3mf", max_age=0,
    )  # fmt: skip


@pages.post("/attempts/<ref>/own-gcode")
def bring(ref: str) -> AnyResponse | tuple[str, int]:
    """Print a plate from G-code that its maker has sliced herself."""
    context = here()
    found = views.attempt(context.ledger.reading, attempt_ref(ref))
    only_at(found.node)
    form = _as_it_ought_to_be(found)
    file, sent = _plate_file(found), request.files.get("gcode")
    if sent is None or not sent.filename:
        form.wrong("gcode", _("Please choose a file."))
        return _page(found, form), 422
    hosted = cast("HostedNodes", context.hosted)  # or there was no plate
    with closing(sent), tempfile.TemporaryDirectory(prefix="fabnet-gcode-") as folder:
        gcode = Path(folder) / "plate.gcode"
        sent.save(gcode)
        try:
            key = hosted.bring(
                found.node, found.ref, file, gcode, sure=request.form.get("sure") == "yes"
            )
        except RefusedError as error:
            form.wrong("gcode", said_here(str(error)))
            return _page(found, form), 422
    # The ledger learns it from her node, in a moment.
    session["brought"] = [str(found.ref), key]
    return redirect(url_for(".count", ref=ref), 303)


def _plate_file(found: AttemptView) -> Path:
    """Return a plate that its maker may slice.

    Raises:
        NotFoundError: hers is no node that runs here, or nothing is sliced for it.
    """
    file = here().library.file(found.plate_sha256) if _hosted(found) else None
    if file is None:
        raise NotFoundError("plate", str(found.ref))
    return file


def _hosted(found: AttemptView) -> bool:
    """Whether its maker may bring G-code of her own here: hers is a node that runs beside this page."""
    hosted = here().hosted
    early = found.state in _TO_SLICE
    return (
        early
        and found.material not in BY_PEOPLE
        and hosted is not None
        and hosted.hosts(found.node)
    )


def _brought(found: AttemptView) -> Path | None:
    """Return what she has brought just now, before the ledger knows it."""
    hosted, (ref, key) = here().hosted, session.get("brought", ("", ""))
    same = hosted is not None and ref == str(found.ref)
    return hosted.gcode_of(found.node, key) if same and hosted is not None else None


def card_name(
    attempt: AttemptView, part: str, others: Collection[str] = (), kind: str = "gcode"
) -> str:
    """Return the name of an attempt's file on an SD card: `VISOR-12x-B7K2-1.gcode`.

    ASCII, no longer than the display of a printer, and good on a FAT file system: part, copies, the
    end of the job's id, the attempt's number. `others` are the ids of the jobs that the same lab got
    before this one: so much of the id is in the name that none of them has the same. `kind` is the
    file's ending.
    """
    plain = unicodedata.normalize("NFKD", part).encode("ascii", "ignore").decode().upper()
    words = re.findall("[A-Z0-9]+", plain) or ["PART"]
    fits = 1
    while fits < len(words) and len("-".join(words[: fits + 1])) <= _CARD_STEM:
        fits += 1
    while 1 < fits < len(words) and len(words[fits - 1]) <= _SMALL_WORD:
        fits -= 1
    stem = "-".join(words[:fits])[:_CARD_STEM]
    job, tail = attempt.ref.job, _CARD_TAIL
    while any(other != job and other.endswith(job[-tail:]) for other in others) and tail < len(job):
        tail += 1
    return f"{stem}-{attempt.pieces}x-{job[-tail:].upper()}-{attempt.ref.number}.{kind}"


def _card_name(found: AttemptView) -> str:
    """Name the file after the design where that has one part only: two designs may have a "frame"."""
    context = here()
    db = context.ledger.reading
    revision = context.revision(views.order(db, found.order_id).request.revision_id)
    alone = revision is not None and len(revision.made) == 1
    part = revision.title if revision is not None and alone else _part_title(found)
    return card_name(found, part, labs.jobs_before(db, found.ref, found.node), _kind(found))


def _kind(found: AttemptView) -> str:
    """Return the ending of the file that a person works from; "txt" where the design is lost."""
    if found.material not in BY_PEOPLE:
        return "gcode"
    context = here()
    order = views.order(context.ledger.reading, found.order_id)
    revision = context.revision(order.request.revision_id)
    others = () if revision is None else revision.others
    return next((part.pattern_kind for part in others if part.id == found.part_id), "txt")


def _part_title(found: AttemptView) -> str:
    context = here()
    order = views.order(context.ledger.reading, found.order_id)
    return context.part_title(order.request.revision_id, found.part_id)


def _preset_title(facts: PrinterFacts | None) -> str:
    if facts is None or facts.preset not in machine_names():
        return ""
    return load_machine(facts.preset).title


def _facts(found: AttemptView) -> PrinterFacts | None:
    return labs.printers(here().ledger.reading).get((found.node, found.printer))


def _by_hand(found: AttemptView, facts: PrinterFacts | None) -> bool:
    """Whether a person makes this plate now, from an SD card or a pattern, or on a printer off the list."""
    manual = facts is None or facts.link == MANUAL
    return manual and found.state is AttemptState.PRINTING


def _page(found: AttemptView, form: Form) -> str:
    context = here()
    facts = _facts(found)
    by_hand = _by_hand(found, facts)
    part = _part_title(found)
    brought = _brought(found) is not None
    photos = len(lot_photos.of_lot(context.ledger.reading, found.lot)) if found.lot else 0
    return render_template(
        "harvest.html",
        attempt=found,
        part=part,
        printer=facts.title if facts else found.printer,
        facts=facts,
        outlines=outlines(context.library, found, facts) if facts else "",
        by_hand=by_hand,
        sliced=by_hand and (brought or context.gcode_of(found) is not None),
        own=_hosted(found),
        mine=brought or found.slicer.startswith(OWN_SLICE),
        card_name=_card_name(found),
        preset=_preset_title(facts),
        printed=found.material not in BY_PEOPLE,
        drawn=_kind(found) in ("svg", "png"),
        countable=found.state in _COUNTABLE or by_hand,
        form=form,
        reasons=HAND_REASONS if found.material in BY_PEOPLE else SCRAP_REASONS,
        most=found.pieces * 10,
        photos=photos,
        photos_left=min(MOST_AT_ONCE, MOST_PHOTOS - photos),
    )
