"""What would be of an order if workshops, printers, its day or its priority were others; nothing is changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from datetime import date

from flask import Blueprint, Response, make_response, render_template, request

from firmware_profiles.loader import all_machines
from jobs.coordinator.whatif import Difference, difference
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.ledger import labs, views
from jobs.model import OrderState, Priority
from web.context import Context, here
from web.forms import Form
from web.language import gettext as _
from web.plans import shares
from web.states import PRIORITIES
from web.titles import own_title

pages = Blueprint("what_if", __name__)

#: So many workshops are seen and so many can be ticked, those with most pieces first; so many are told of
#: at once.
_FEW_LABS, _MOST_LABS, _AT_ONCE = 6, 60, 12
_MOST_PRINTERS = 100
#: So long a page waits for its answer; and so long after it asks again, if there was none.
_WAIT_S, _AGAIN_S = 2.0, 3
#: An answer that nobody has fetched so long after the question says nothing of what is now.
_STALE_S = 120.0


class _Desk:
    """Where one question is answered at a time, on a thread of its own: no page waits long for it.

    Nor does the server when it is told to stop: no answer is kept, so the thread ends with the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._question: object = None  # in hand, or answered and not yet shown
        self._answer = Future[Difference]()
        self._begun_s = 0.0

    def ask(self, question: object, reckon: Callable[[], Difference]) -> Future[Difference] | None:
        """Return the answer to come, to whoever asked the same first; None: another question is in hand."""
        with self._lock:
            stale = self._answer.done() and self.since_s >= _STALE_S
            if question != self._question or stale:
                if self._question is not None and not self._answer.done():
                    return None
                self._question, self._answer = question, Future[Difference]()
                self._begun_s = time.monotonic()
                work = (self._answer, reckon)
                threading.Thread(target=_answer_it, args=work, name="what-if", daemon=True).start()
            return self._answer

    def shown(self, answer: Future[Difference]) -> None:
        """Forget an answer: who asks the same again is answered by what is known then."""
        with self._lock:
            if answer is self._answer:
                self._question = None

    @property
    def since_s(self) -> int:
        """For how long the question in hand has been reckoned."""
        return int(time.monotonic() - self._begun_s)


def _answer_it(answer: Future[Difference], reckon: Callable[[], Difference]) -> None:
    try:
        answer.set_result(reckon())
    except Exception as error:  # noqa: BLE001
        # It is raised again where the page is made, and is answered there as any other.
        answer.set_exception(error)


#: Two plans of everything take seconds, and of a large network many.
_desk = _Desk()


@pages.get("/orders/<order_id>/what-if")
def ask(order_id: str) -> Response:
    """A form, and under it the plan as it is and as it would be."""
    context = here()
    db = context.ledger.reading
    view = views.order_view(db, order_id)
    names = {node.id: node.lab for node in labs.fleet(db)}
    form, without = Form(request.args), request.args.getlist("without")
    found, trouble, since_s = None, "", None
    if request.args.keys() & {"without", "many", "due", "release", "priority"}:
        try:
            found, trouble = _answer(context, order_id, form, without)
        except TimeoutError:
            since_s = _desk.since_s
    makers = [lab for lab in shares(view).labs if lab.until][:_MOST_LABS]
    page = render_template(
        "what_if.html",
        order=view.order,
        title=_title(context, view.order.request.revision_id),
        can_ask=view.order.state is OrderState.CONFIRMED,
        form=form,
        priorities=[
            ("", _("as it is")),
            *((str(each), words) for each, words in PRIORITIES.items()),
        ],
        without=without,
        makers=makers,
        machines=[(each.name, each.title) for each in all_machines()],
        labs=names,
        found=found,
        trouble=trouble,
        since_s=since_s,
        touched=_touched(found, names),
        at_once=_AT_ONCE,
        few=_FEW_LABS,
        today=context.today(),
    )
    answer = make_response(page, 422 if form.errors else 200)
    if since_s is not None:
        answer.headers["Refresh"] = str(_AGAIN_S)
    return answer


def _answer(
    context: Context, order_id: str, form: Form, without: list[str]
) -> tuple[Difference | None, str]:
    """Return the two plans; else, where nothing typed is wrong, what is the matter.

    Raises:
        TimeoutError: they are still being made.
    """
    many = form.whole("many", 0, _MOST_PRINTERS) if form["many"].strip() else 0
    plus = []
    if many:
        plus = [f"{many}x{form.choice('preset', {each.name for each in all_machines()})}"]
    due: date | None = form.day("due", context.today()) if form["due"].strip() else None
    release = form.day("release", context.today()) if form["release"].strip() else None
    other = form.choice("priority", set(Priority)) if form["priority"] else ""
    if not form.good:
        return None, ""
    priority = Priority(other) if other else None
    if not (without or plus or due or priority or release):
        return None, _("Say first what would be different.")
    ledger, files, now = context.ledger, context.library.folder, context.now()

    def reckon() -> Difference:
        return difference(
            ledger, files, order_id, without, plus, due, now, context.settings.hub_place, priority,
            release,
        )  # fmt: skip

    question = (ledger.path, order_id, tuple(without), tuple(plus), due, priority, release)
    answer = _desk.ask(question, reckon)
    if answer is None:
        return None, _("Somebody else is asking just now; ask again in a moment.")
    if not wait((answer,), _WAIT_S).done:
        raise TimeoutError
    _desk.shown(answer)
    return _told(answer, form)


def _told(answer: Future[Difference], form: Form) -> tuple[Difference | None, str]:
    """Return the two plans, else why there are none; what was wrong with a day stands beside its field."""
    try:
        return answer.result(), ""
    except InvalidFieldError as error:
        form.refused(error)
        return None, ""
    except NotFoundError as error:
        if error.kind != "lab":
            raise
        return None, _("There is no workshop %(lab)s here any more.", lab=error.key)
    except RefusedError:
        return None, _("Nothing of it is left to be printed: no plan can change it.")


def _touched(found: Difference | None, names: dict[str, str]) -> list[tuple[str, int, int]]:
    """Return whose pieces would be others: (lab, now, then), the greatest difference first."""
    if found is None:
        return []
    before, after = dict(found.now.pieces_of), dict(found.then.pieces_of)
    rows = [
        (names.get(lab) or _new(lab), before.get(lab, 0), after.get(lab, 0))
        for lab in found.touched
    ]
    return sorted(rows, key=lambda row: (-abs(row[2] - row[1]), row[0]))


def _title(context: Context, revision_id: str) -> str:
    """What is ordered; the beginning of its number where the library has lost it."""
    revision = context.revision(revision_id)
    return revision_id[:12] if revision is None else own_title(revision.title)


def _new(lab: str) -> str:
    """The name of a printer that does not exist yet."""
    return _("new printer %(number)s", number=lab.removeprefix("plus-"))
