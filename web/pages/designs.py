"""The designs that the network makes: pictures, facts, licences, reviews, plates on its beds; uploads."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

import numpy as np
from flask import Blueprint, Response, abort, redirect, render_template, request, send_file, url_for
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response as AnyResponse

from designs import bundle
from designs.errors import DesignError, MissingFileError, UnreadableRevisionError
from designs.library import Library
from designs.manifest import UNKNOWN_LICENCE
from designs.mesh import KINDS, MOST_BYTES, STEP_KINDS, check, read_canonical
from designs.model import Part, Revision
from designs.pattern import TYPES
from designs.picture import draw
from designs.regulation import profiles
from jobs.coordinator import reviews
from jobs.errors import InvalidFieldError
from jobs.estimate import Estimate
from jobs.ledger.reviews import Review, document_name, lacks_breathing_review, review
from web import licences
from web.auth import me
from web.context import here
from web.forms import Form
from web.full_plates import estimate_of, full_plates
from web.language import gettext as _
from web.sentences import said_here

pages = Blueprint("designs", __name__)

#: Of a part that is turned in a browser, 18 bytes each; finer ones are shown as a picture only.
_TURN_TRIANGLES = 150_000
_MOST_INT16 = 32767
_PNG = b"\x89PNG"
_KINDS = (*KINDS, *STEP_KINDS, ".zip")
#: Of a manifest: what a thing is and is for, in its author's words.
_DESCRIBE = ("description", "function", "intended-use")
_GAPS_SIZE = (640, 480)
#: Patterns that a browser shows.
_DRAWN = ("svg", "png")

#: A cutter's hairline is not seen in a small picture: there lines are two pixels wide, whatever their scale.
_SVG = re.compile(rb"<svg\b[^>]*[^/]>")
_THICK = rb"\g<0><style>*{vector-effect:non-scaling-stroke;stroke-width:2px}</style>"

_DAY_S = 86400


@pages.url_value_preprocessor
def _allow_a_model(endpoint: str | None, _values: dict[str, object] | None) -> None:
    """Let an upload be as large as the gate takes, before anything reads its form."""
    if endpoint == "designs.add":
        request.max_content_length = MOST_BYTES + (1 << 20)


@pages.app_context_processor
def _for_templates() -> dict[str, object]:
    return {
        "review_state": lambda revision: _review(revision).state,
        "drawing_of": _drawing_of,
    }


def _drawing_of(revision: Revision) -> str:
    """Return where the picture of a design lies of which nothing is printed."""
    drawn = (each for each in revision.others if each.pattern_kind in _DRAWN)
    shown = next(drawn, None)
    if shown is None:
        return url_for("static", filename="part.svg")
    return url_for("designs.pattern", sha256=shown.pattern_sha256, small="yes")


@pages.get("/designs")
def index() -> str:
    """All revisions."""
    return _gallery(Form())


def _gallery(form: Form, gaps: str = "") -> str:
    context = here()
    revisions = context.library.revisions()
    return render_template(
        "designs.html",
        revisions=revisions,
        kits={each.id: _kit(each) for each in revisions},
        unknown_licence=UNKNOWN_LICENCE,
        form=form,
        gaps=gaps,
        kinds=",".join(_KINDS),
        most_mb=MOST_BYTES >> 20,
    )


def _review(revision: Revision) -> Review:
    context = here()
    return review(context.ledger.reading, revision.id, context.today())


@pages.post("/designs")
def add() -> AnyResponse | tuple[str, int]:
    """Pass an uploaded design through the gate, and keep it or say what is wrong with it."""
    form = Form(request.form)
    title, licence = form.text("title", needed=False), form.text("licence", needed=False)
    per_kit = form.whole("per_kit", 1, 1000) if form["per_kit"] else 1
    sent = request.files.get("file")
    name = _safe_name(sent.filename or "") if sent else ""
    if sent is None or not name:
        form.wrong("file", _("Please choose a file."))
    elif not name.lower().endswith(_KINDS):
        form.wrong("file", _("Only STL, OBJ, 3MF and ZIP files can be read."))
    if sent is None or not form.good:
        if sent is not None:
            sent.close()
        return _gallery(form), 422
    library = here().library
    with tempfile.TemporaryDirectory(prefix="fabnet-upload-") as work:
        path = Path(work) / name
        sent.save(path)
        sent.close()
        try:
            revision = bundle.add(library, path, title=title, per_kit=per_kit, licence=licence)
        except DesignError as error:
            form.wrong("file", said_here(str(error)))
            return _gallery(form, _draw_gaps(library, path)), 422
    return redirect(url_for(".show", revision_id=revision.id), 303)


def _safe_name(told: str) -> str:
    """Return a name that leads nowhere, with its ending: of other letters than Latin nothing stays."""
    safe, ending = secure_filename(told), Path(told).suffix.lower()
    return f"model{ending}" if ending in _KINDS and not safe.lower().endswith(ending) else safe


def _draw_gaps(library: Library, path: Path) -> str:
    """Return the hash of a picture of a refused model's gaps; "" where it has none."""
    if not bundle.is_model(path):
        return ""
    with tempfile.TemporaryDirectory(prefix="fabnet-gaps-") as work:
        found = check(path, Path(work)).gaps
        if found is None:
            return ""
        mesh = read_canonical(Path(work) / found.mesh_sha256)
        png = Path(work) / "gaps.png"
        png.write_bytes(draw(mesh, size=_GAPS_SIZE, marks_mm=found.edges_mm))
        return library.add_file(png)


@pages.get("/designs/gaps/<sha256>.png")
def gaps(sha256: str) -> AnyResponse:
    """The picture of a model that was refused."""
    path = here().library.file(sha256)
    data = b"" if path is None else path.read_bytes()
    if not data.startswith(_PNG):
        abort(404)
    return Response(data, mimetype="image/png")


@pages.get("/designs/<revision_id>")
def show(revision_id: str) -> str:
    """One revision: all that is known of it."""
    return _page(_known(revision_id), Form())


def _known(revision_id: str) -> Revision:
    revision = here().revision(revision_id)
    if revision is None:
        abort(404)
    return revision


def _page(revision: Revision, form: Form) -> str:
    return render_template(
        "design.html",
        revision=revision,
        review=_review(revision),
        breathable=not lacks_breathing_review(here().ledger.reading, revision, here().today()),
        allows=licences.plain(revision.licence),
        kit=_kit(revision),
        each={part.id: estimate_of(part, part.per_kit) for part in revision.parts},
        beds=full_plates(revision),
        unknown_licence=UNKNOWN_LICENCE,
        turns=_TURN_TRIANGLES,
        today=here().today(),
        form=form,
        profiles=profiles(),
        doubtful=_doubtful(revision),
    )


def _doubtful(revision: Revision) -> dict[str, tuple[str, ...]]:
    """Return the words of its description that each profile forbids, by profile."""
    try:
        source = here().library.source(revision.id)
    except UnreadableRevisionError:
        source = None
    if source is None:
        return {}
    text = " ".join(str(source.manifest.data.get(key, "")) for key in _DESCRIBE)
    found = {each.id: each.forbidden_in(text) for each in profiles().values()}
    return {profile: words for profile, words in found.items() if words}


@pages.post("/designs/<revision_id>/profile")
def choose_profile(revision_id: str) -> AnyResponse | tuple[str, int]:
    """Say by which regulatory profile a revision goes."""
    context, revision, form = here(), _known(revision_id), Form(request.form)
    profile = form.choice("profile", {"", *profiles()})
    if form.good:
        try:
            reviews.choose_profile(context.ledger, revision, profile, me().name, context.now())
        except InvalidFieldError:
            words = reviews.forbidden_titles(revision, profiles()[profile])
            form.wrong(
                "profile",
                _("It forbids “%(word)s” in a title: add this design again under another title.",
                  word=words[0]) if words else _("It has run out."),
            )  # fmt: skip
    if not form.good:
        return _page(revision, form), 422
    return redirect(url_for(".show", revision_id=revision.id) + "#rule", 303)


@pages.get("/designs/<revision_id>/design.zip")
def download(revision_id: str) -> AnyResponse:
    """The manifest and all files of a design, as its licence asks of who passes on what is made of it."""
    revision = _known(revision_id)
    if revision.licence == UNKNOWN_LICENCE:
        abort(404)  # nobody has said that it may be passed on
    try:
        path = bundle.zipped(here().library, revision)
    except DesignError:
        abort(404)
    name = f"{revision.design}-{revision.id[:12]}.zip"
    return send_file(path, mimetype="application/zip", as_attachment=True, download_name=name)


@pages.post("/designs/<revision_id>/withdraw")
def withdraw(revision_id: str) -> AnyResponse | tuple[str, int]:
    """Stop a revision everywhere."""
    context, revision, form = here(), _known(revision_id), Form(request.form)
    reason = form.text("reason")
    if not form.good:
        return _page(revision, form), 422
    reviews.withdraw(context.ledger, revision.id, reason, me().name, context.now())
    return redirect(url_for(".show", revision_id=revision.id), 303)


@pages.get("/designs/documents/<sha256>")
def document(sha256: str) -> AnyResponse:
    """The document on which a body accepts a revision, as it came: to be kept, never shown here."""
    context = here()
    name = document_name(context.ledger.reading, sha256)
    path = context.library.file(sha256) if name else None
    if path is None:
        abort(404)
    return send_file(
        path, mimetype="application/octet-stream", as_attachment=True,
        download_name=secure_filename(name) or sha256[:12], max_age=0,
    )  # fmt: skip


@pages.post("/lots/<code>/release")
def release(code: str) -> AnyResponse:
    """Let a held lot leave the hub, in the name of who is signed in."""
    context, form = here(), Form(request.form)
    reason = form.text("reason")
    if not form.good:
        raise InvalidFieldError("reason", form.errors["reason"])
    reviews.release(context.ledger, code, reason, me().name, context.now())
    return redirect(url_for("lots.show", code=code), 303)


@pages.get("/designs/meshes/<sha256>.bin")
def mesh(sha256: str) -> AnyResponse:
    """A part to be turned: nine 16-bit integers a triangle, the longest side from end to end."""
    library = here().library
    part = _part_of(library, sha256)
    path = library.file(sha256)
    if part is None or path is None or part.facts.triangles > _TURN_TRIANGLES:
        abort(404)
    corners = read_canonical(path)
    half = np.ptp(corners.reshape(-1, 3), axis=0) / 2
    packed = np.rint((corners - half) / half.max() * _MOST_INT16).astype("<i2")
    answer = Response(packed.tobytes(), mimetype="application/octet-stream")
    answer.set_etag(sha256)
    answer.cache_control.max_age = _DAY_S
    return answer.make_conditional(request)


def _part_of(library: Library, sha256: str) -> Part | None:
    parts = (part for revision in library.revisions() for part in revision.parts)
    return next((part for part in parts if part.facts.mesh_sha256 == sha256), None)


@pages.get("/designs/pictures/<sha256>.png")
def picture(sha256: str) -> AnyResponse:
    """The picture of a part, by the hash of its mesh; drawn when it is first asked for."""
    library = here().library
    if _part_of(library, sha256) is None:
        abort(404)
    try:
        path = library.picture(sha256)
    except MissingFileError:
        return redirect(url_for("static", filename="part.svg"))
    answer = Response(path.read_bytes(), mimetype="image/png")
    answer.set_etag(path.stem)
    answer.cache_control.max_age = _DAY_S
    return answer.make_conditional(request)


@pages.get("/designs/patterns/<sha256>")
def pattern(sha256: str) -> AnyResponse:
    """The pattern of a part that people make, as it came; a drawing is shown, others are kept."""
    library = here().library
    kinds = {
        found: kind
        for revision in library.revisions()
        for part in revision.others
        for kind, found in ((part.pattern_kind, part.pattern_sha256), *part.also)
    }
    path = library.file(sha256)
    if sha256 not in kinds or path is None:
        abort(404)
    kind = kinds[sha256]
    small = kind == "svg" and "small" in request.args
    shown = io.BytesIO(_SVG.sub(_THICK, path.read_bytes(), count=1)) if small else path
    answer = send_file(
        shown, mimetype=TYPES[kind], as_attachment=kind not in _DRAWN,
        download_name=f"{sha256[:12]}.{kind}", max_age=_DAY_S,
    )  # fmt: skip
    # It came from a stranger: whatever a browser makes of it, it does on its own.
    answer.headers["Content-Security-Policy"] = (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    )
    return answer


def _kit(revision: Revision) -> Estimate:
    """Return what one kit takes, each of its parts in its first material."""
    found = [estimate_of(part, part.per_kit) for part in revision.parts]
    return Estimate(
        seconds=sum(each.seconds for each in found),
        seconds_low=sum(each.seconds_low for each in found),
        seconds_high=sum(each.seconds_high for each in found),
        grams=sum(each.grams for each in found),
        grams_low=sum(each.grams_low for each in found),
        grams_high=sum(each.grams_high for each in found),
    )
