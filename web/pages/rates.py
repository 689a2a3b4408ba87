"""How many pieces an hour a person makes on a machine that does not print: her word, for plans."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from designs.model import PRINTED
from jobs.coordinator import nodes
from jobs.coordinator.fitting import earlier_patterns
from jobs.errors import NotFoundError
from jobs.ledger import labs
from jobs.ledger.labs import NodeView
from jobs.messages import Config, Rates
from printers.model import PartRate, PrinterFacts
from web.auth import me, only_at
from web.context import here
from web.forms import Form
from web.rates import RatedPart, rates_form, rates_from
from web.titles import own_title, part_words

pages = Blueprint("rates", __name__)


@pages.app_context_processor
def _for_templates() -> dict[str, object]:
    return {"rated_part": _title}


def _title(rate: PartRate) -> str:
    """Return what a part with a rate of its own is called; by its id where the library has lost it."""
    made = (part for revision in here().library.revisions() for part in revision.made)
    title = next((part.title for part in made if part.source_sha256 == rate.source_sha256), "")
    return own_title(title) if title else part_words(rate.part)


@pages.route("/labs/<node>/printers/<printer>/rate", methods=["GET", "POST"])
def machine(node: str, printer: str) -> str | AnyResponse | tuple[str, int]:
    """Pieces an hour on one machine: of all, and of each part that is made so."""
    only_at(node)
    context = here()
    lab = labs.node(context.ledger.reading, node)
    facts = next((each.facts for each in lab.printers if each.facts.id == printer), None)
    if facts is None or facts.process == PRINTED:
        raise NotFoundError("machine with a rate", f"{node}/{printer}")
    holds = _on_its_way(lab.id, facts)
    parts = _parts(holds, facts.process)
    if request.method == "GET":
        return _page(lab, facts, parts, rates_form(holds.rate_per_h, parts))
    form = Form(request.form)
    rate_per_h, own = rates_from(form, parts)
    if not form.good:
        return _page(lab, facts, parts, form), 422
    told = Rates(printer=printer, rate_per_h=rate_per_h, parts=own)
    nodes.configure(context.ledger, node, Config(rates=(told,)), me().login, context.now())
    return redirect(url_for("labs.show", node=node) + f"#spool-{printer}", 303)


def _on_its_way(node: str, facts: PrinterFacts) -> Rates:
    """Return what was said last, whether the node has heard it or not."""
    sent = labs.unheard(here().ledger.reading, node) or Config()
    now = Rates(printer=facts.id, rate_per_h=facts.rate_per_h, parts=facts.rates)
    return next((each for each in sent.rates if each.printer == facts.id), now)


def _parts(holds: Rates, process: str) -> list[RatedPart]:
    """Return the parts of this process that may be asked for: of each design's last revision."""
    context = here()
    earlier = earlier_patterns(context.library.revisions())
    own = {each.source_sha256: each.per_h for each in holds.parts}
    found: dict[str, RatedPart] = {}
    for revision in {each.design: each for each in context.orderable()}.values():
        for part in revision.made:
            source = part.source_sha256
            if part.process == process and source not in found:
                known = [own[each] for each in (source, *earlier.get(source, ())) if each in own]
                found[source] = RatedPart(
                    part=part.id, source_sha256=source, title=own_title(part.title),
                    of=own_title(revision.title), per_h=known[0] if known else 0.0,
                )  # fmt: skip
    return list(found.values())


def _page(lab: NodeView, facts: PrinterFacts, parts: list[RatedPart], form: Form) -> str:
    return render_template("rate.html", node=lab, facts=facts, parts=parts, form=form)
