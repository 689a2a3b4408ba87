"""The page of one node, for its owner: on her telephone, in her own network, also without Internet.

Served by the node's own process. Shows what `jobs.owner` says and puts wishes on the node's desk; it
knows no ledger. One owner, one password, no JavaScript.
"""

from __future__ import annotations

import secrets
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from flask import (
    Flask,
    Response,
    redirect,
    render_template,
    request,
    send_file,
    session,
    url_for,
)
from flask_wtf import CSRFProtect
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from jobs.errors import InvalidFieldError, JobError, NotFoundError, RefusedError
from jobs.lifecycle import AttemptState
from jobs.lot_code import lot_code
from jobs.owner import (
    BedView,
    Begin,
    Clear,
    Count,
    GiveBack,
    Look,
    NodeView,
    Pause,
    PlateView,
    SayRates,
    StopPrint,
)
from web import language, words
from web.forms import REFUSALS, SCRAP_REASONS, Form, attempt_ref, harvest_from, refusal_from
from web.language import gettext as _
from web.node_door import Desk, NodeContext, NodeSettings, guard, here, is_owner, sign_in, sign_out
from web.rates import RatedPart, rates_form, rates_from
from web.serving import MOST_BODY_BYTES, Server, make_server
from web.titles import part_words

__all__ = ["NodeSettings", "create_node_app", "secret_key", "serve_node"]

_THREADS = 4
_MOST_BYTES = 64 * 1024
_SESSION = timedelta(hours=12)
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
        " object-src 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def secret_key(path: Path) -> bytes:
    """Return the key that signs sessions and form tokens; made, for the owner's eyes, where missing."""
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(32))
        fresh.replace(path)
    return path.read_bytes()


def create_node_app(desk: Desk, clock: Callable[[], datetime], settings: NodeSettings) -> Flask:
    """Return the application.

    Args:
        desk: answers wishes, on any thread.
        clock: aware UTC.
        settings: from the node's configuration.
    """
    app = Flask("web")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        # Cookies know no ports: this one must not be the coordinator's on the same machine.
        SESSION_COOKIE_NAME="fabnet-node",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=_SESSION,
        MAX_CONTENT_LENGTH=_MOST_BYTES,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )
    app.extensions["fabnet-node"] = NodeContext(
        desk=desk, clock=clock, settings=settings, lock=threading.Lock(), failures=[]
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    language.register(app, "UTC")
    words.register(app)
    app.before_request(guard)
    app.before_request(_allow_gcode)
    CSRFProtect(app)
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(JobError, _on_refused)
    app.add_template_filter(_clock, "clock")
    app.context_processor(_frame)
    app.after_request(_finish)
    app.add_url_rule("/healthz", "healthz", lambda: Response("ok\n", mimetype="text/plain"))
    for path, view, methods in (
        ("/", home, ["GET"]),
        ("/sign-in", sign_in, ["GET", "POST"]),
        ("/sign-out", sign_out, ["POST"]),
        ("/count/<ref>", count, ["GET", "POST"]),
        ("/counted/<ref>", counted, ["GET"]),
        ("/beds/<printer>/clear", clear, ["POST"]),
        ("/beds/<printer>/stop", stop, ["POST"]),
        ("/beds/<printer>/camera.jpg", camera, ["GET"]),
        ("/plates/<ref>/start", start, ["POST"]),
        ("/plates/<ref>/give-back", give_back, ["POST"]),
        ("/beds/<printer>/rate", rate, ["POST"]),
        ("/plates/<ref>/plate.3mf", plate_file, ["GET"]),
        ("/plates/<ref>/gcode", bring, ["POST"]),
        ("/pause", pause, ["POST"]),
    ):
        app.add_url_rule(path, view.__name__, view, methods=methods)
    return app


def _allow_gcode() -> None:
    """Let G-code be as large as the server takes, before anything reads its form."""
    if request.endpoint == "bring":
        request.max_content_length = MOST_BODY_BYTES


def _look() -> NodeView:
    return here().desk.ask(Look())


# --- pages --------------------------------------------------------------------------------------


def home() -> str:
    """Link, what waits for the owner, beds, plates."""
    return _home(_look())


def _home(view: NodeView, asked: str = "", form: Form | None = None) -> str:
    """The page; with the form of the plate, or of the machine's rates, `asked` as it was typed."""
    cameras = here().settings.cameras
    trying = {each.printer for each in view.trials if each.result is None}
    return render_template(
        "node_home.html",
        view=view,
        cameras=frozenset() if cameras is None else cameras.printers,
        counts=[plate for plate in view.plates if plate.countable],
        opens=[plate for plate in view.plates if plate.opens_until is not None],
        to_slice=[plate for plate in view.plates if plate.to_slice],
        unclear=[
            bed
            for bed in view.beds
            if not (bed.clear or bed.attempt is not None or bed.printer in trying)
        ],
        by_ref={plate.attempt: plate for plate in view.plates},
        titles={bed.printer: bed.title for bed in view.beds},
        refusals=REFUSALS,
        rated={bed.printer: _rated(bed) for bed in view.beds if bed.rate_per_h},
        rates_form=rates_form,
        asked=asked,
        form=form or Form(),
    )


def _plate(view: NodeView, ref: str) -> PlateView:
    found = next((p for p in view.plates if p.attempt == attempt_ref(ref)), None)
    if found is None:
        raise NotFoundError("plate", ref)
    return found


def count(ref: str) -> str | AnyResponse | tuple[str, int]:
    """Count good and scrap; that clears the bed."""
    view = _look()
    plate = _plate(view, ref)
    if request.method == "GET":
        whole = plate.state in (AttemptState.PRINTED, AttemptState.PRINTING)
        typed = {"good": str(plate.pieces if whole else 0), "scrap": "0"}
        return _count_page(view, plate, Form(typed))
    form = Form(request.form)
    good, scrap, reason = harvest_from(form, plate.pieces)
    if form.good:
        try:
            here().desk.ask(Count(attempt=plate.attempt, good=good, scrap=scrap, reason=reason))
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        return _count_page(view, plate, form), 422
    if not good:
        return redirect(url_for("home"), 303)
    session["counted"] = [str(plate.attempt), good]
    return redirect(url_for("counted", ref=plate.attempt), 303)


def counted(ref: str) -> str:
    """What is written on the bag; its label and its photos are the coordinator's."""
    last, good = session.get("counted", ("", 0))
    if last != ref:
        raise NotFoundError("plate", ref)
    context = here()
    return render_template(
        "node_counted.html",
        view=_look(),
        good=good,
        code=lot_code(attempt_ref(ref)),
        coordinator=context.settings.coordinator.rstrip("/"),
    )


def _count_page(view: NodeView, plate: PlateView, form: Form) -> str:
    bed = next((bed for bed in view.beds if bed.printer == plate.printer), None)
    return render_template(
        "node_count.html",
        plate=plate,
        printer=plate.printer if bed is None else bed.title,
        by_hand=bed is not None and bed.by_hand,
        form=form,
        reasons=SCRAP_REASONS,
        most=plate.pieces * 10,
    )


def clear(printer: str) -> AnyResponse:
    """The bed is clear."""
    here().desk.ask(Clear(printer=printer))
    return redirect(url_for("home"), 303)


def camera(printer: str) -> Response:
    """What its camera sees now."""
    cameras = here().settings.cameras
    if cameras is None:
        raise NotFoundError("printer", printer)
    return Response(cameras.picture(printer), mimetype="image/jpeg")


def stop(printer: str) -> AnyResponse:
    """Stop what it prints; at once where that is asked for."""
    here().desk.ask(StopPrint(printer=printer, at_once=request.form.get("how") == "at-once"))
    return redirect(url_for("home"), 303)


def start(ref: str) -> AnyResponse:
    """Print what was granted before the node was started again."""
    here().desk.ask(Begin(attempt=attempt_ref(ref)))
    return redirect(url_for("home"), 303)


def give_back(ref: str) -> AnyResponse | tuple[str, int]:
    """Let others make a plate."""
    form = Form(request.form)
    reason = refusal_from(form)
    if not form.good:
        return _home(_look(), ref, form), 422
    here().desk.ask(GiveBack(attempt=attempt_ref(ref), reason=reason))
    return redirect(url_for("home"), 303)


def _rated(bed: BedView) -> list[RatedPart]:
    return [
        RatedPart(
            part=each.part, source_sha256=each.source_sha256, title=part_words(each.part),
            per_h=each.per_h,
        )
        for each in bed.rates
    ]  # fmt: skip


def rate(printer: str) -> AnyResponse | tuple[str, int]:
    """How many pieces an hour its owner makes on a machine that does not print."""
    view = _look()
    bed = next((bed for bed in view.beds if bed.printer == printer and bed.rate_per_h), None)
    if bed is None:
        raise NotFoundError("machine with a rate", printer)
    form = Form(request.form)
    rate_per_h, parts = rates_from(form, _rated(bed))
    if not form.good:
        return _home(view, printer, form), 422
    here().desk.ask(SayRates(printer=printer, rate_per_h=rate_per_h, parts=parts))
    return redirect(url_for("home") + f"#bed-{printer}", 303)


def plate_file(ref: str) -> AnyResponse:
    """A plate as 3MF, to be sliced elsewhere."""
    slices = here().settings.slices
    if slices is None:
        raise NotFoundError("plate", ref)
    found = slices.plate_file(attempt_ref(ref))
    return send_file(found, mimetype="model/3mf", as_attachment=True, download_name=f"{ref}.3mf")


def bring(ref: str) -> AnyResponse:
    """Print a plate from G-code that its maker has sliced herself."""
    slices, sent = here().settings.slices, request.files.get("gcode")
    if slices is None:
        raise NotFoundError("plate", ref)
    if sent is None or not sent.filename:
        raise RefusedError("Choose the G-code file first.")
    with closing(sent), tempfile.TemporaryDirectory(prefix="fabnet-gcode-") as folder:
        gcode = Path(folder) / "plate.gcode"
        sent.save(gcode)
        slices.bring(attempt_ref(ref), gcode, sure=request.form.get("sure") == "yes")
    return redirect(url_for("home"), 303)


def pause() -> AnyResponse:
    """Take no new work, or take it again."""
    here().desk.ask(Pause(paused=request.form.get("paused") == "yes"))
    return redirect(url_for("home"), 303)


# --- what every page has ------------------------------------------------------------------------


def _clock(at: datetime) -> str:
    """Return a time as the clock beside the printers shows it, with the day where it is another."""
    local, now = at.astimezone(), here().clock().astimezone()
    return f"{local:%H:%M}" if local.date() == now.date() else f"{local:%d.%m. %H:%M}"


def _frame() -> dict[str, object]:
    settings = here().settings
    return {
        "language": language.language(),
        "lab_name": settings.lab,
        "signed_in_owner": bool(settings.password) and is_owner(),
    }


def _finish(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    chosen = request.args.get("lang")
    if chosen in language.LANGUAGES:
        response.set_cookie("lang", chosen, max_age=31536000, samesite="Lax", httponly=True)
    return response


def _on_refused(error: JobError) -> tuple[str, int]:
    missing = isinstance(error, NotFoundError)
    title = _("There is nothing here") if missing else _("That is not possible now")
    return render_template(
        "node_error.html", title=title, detail=str(error)
    ), 404 if missing else 409


def _on_http(error: HTTPException) -> tuple[str, int] | Response:
    status = error.code or 500
    if status < 400 and error.response is not None:  # noqa: PLR2004 - HTTP
        return Response(error.get_body(), status, error.get_headers())
    titles = {
        403: _("This is not yours to do"),
        404: _("There is nothing here"),
        429: _("Too many attempts from here"),
    }
    title = titles.get(status, _("The form could not be read"))
    return render_template("node_error.html", title=title, detail=""), status


def serve_node(app: Flask, host: str, port: int) -> Server:
    """Return a server that listens on host (an address) and port; port 0 takes a free one.

    Raises:
        OSError: the address is taken or not ours.
    """
    return make_server(app, host, port, threads=_THREADS)
