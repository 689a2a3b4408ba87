"""What the commands that look ahead say to a person, in the language of her terminal: lines from reports.

Leaves what stands in the reports to `fabnet.reports` and `fabnet.what_if`, which speak English, as scripts
read it; but for reasons, whose words come with the report.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from fabnet import clock
from fabnet.cli.language import decimal, gettext, ngettext
from fabnet.reports import local
from jobs.coordinator.whatif import Difference, Outcome
from jobs.model import Priority, ReasonCode
from jobs.pace import is_told

_WIDTH = 100
#: Of a list for a person: a thousand labs would be a thousand lines a day.
_MOST_LINES = 20


def plan_lines(report: Mapping[str, Any], *, explain: bool) -> Iterable[str]:
    """Yield the report of a plan; with `explain`, those who got nothing too."""
    yield gettext(
        "Order %(order)s (%(state)s): %(kits)s by %(day)s",
        order=report["order"], state=report["state_words"], kits=_kits(report["kits"]),
        day=report["due"] or gettext("an unknown day"),
    )  # fmt: skip
    yield from _turn_lines(report)
    if report["earliest_at"] is not None and report["done_at"] is not None:
        yield gettext(
            "No plan could be done before %(least)s; this one is done %(done)s",
            least=local(report["earliest_at"]), done=local(report["done_at"]),
        )  # fmt: skip
    if report["p50_at"] is not None:
        yield gettext(
            "With what fails and how far estimates are off: as likely as not by %(half)s, nine times out"
            " of ten by %(nine)s",
            half=local(report["p50_at"]), nine=local(report["p90_at"]),
        )  # fmt: skip
    for line in report["lines"]:
        yield gettext(
            "%(part)s: %(ordered)s ordered, %(usable)s usable, %(in_work)s in work, %(planned)s planned,"
            " %(without_place)s without a place",
            **{name: line[name] for name in ("part", "ordered", "usable", "in_work", "planned")},
            without_place=line["without_place"],
        )
        yield from _line_lines(line, alone=len(report["lines"]) == 1)
        rows = [row for row in report["printers"] if row["part"] == line["part"]]
        for row in rows:
            if row["plates"]:
                yield _share_line(row)
                if explain:
                    yield from _pace_lines(row)
                    if row["reasons"] or line["without_place"]:
                        yield "    " + gettext("no more, because: %(why)s", why=_why(row))
        if explain:
            yield from _nothing_lines([row for row in rows if not row["plates"]])


def _turn_lines(report: Mapping[str, Any]) -> Iterable[str]:
    """What a steward has said of when an order comes."""
    if report["priority"] != Priority.NORMAL:
        yield gettext("Priority: %(priority)s", priority=_priority(report["priority"]))
    if report["release"] is not None:
        yield gettext("Not to be begun before %(day)s", day=report["release"])
    if report["pieces_set_back"]:
        yield ngettext(
            "%(num)s piece made after what is more urgent",
            "%(num)s pieces made after what is more urgent",
            report["pieces_set_back"],
        )


def _priority(priority: str) -> str:
    words = {
        Priority.CAN_WAIT: gettext("can-wait"),
        Priority.URGENT: gettext("urgent"),
        Priority.VITAL: gettext("vital"),
    }
    return words.get(Priority(priority), priority)


def _line_lines(line: Mapping[str, Any], *, alone: bool) -> Iterable[str]:
    """What is to be said of one part: how sure, and what is missing."""
    if not alone and line["p90_at"] is not None:
        yield "  " + gettext(
            "all printed as likely as not by %(half)s, nine times out of ten by %(nine)s",
            half=local(line["p50_at"]), nine=local(line["p90_at"]),
        )  # fmt: skip
    if line["late"]:
        yield "  " + ngettext(
            "%(num)s piece expected too late", "%(num)s pieces expected too late", line["late"]
        )
    if line["without_place"]:
        yield "  " + gettext(
            "%(many)s without a place, because: %(why)s",
            many=line["without_place"], why=_rules(line) or gettext("the next plan says why"),
        )  # fmt: skip
    for reason in line["reasons"]:
        if reason["code"] == ReasonCode.UNSOUND:
            yield "  " + gettext(
                "%(why)s. All other orders go on; this one is tried again every quarter of an hour. The"
                " log says more: please report it with the output of `fabnet doctor`",
                why=reason["words"],
            )
    if line["missing_g"] is not None:
        yield "  " + gettext(
            "%(material)s: %(grams)s g short by %(day)s",
            material=gettext(" or ").join(line["materials"]) or gettext("filament"),
            grams=math.ceil(line["missing_g"]), day=line["missing_by"],
        )  # fmt: skip


def _rules(line: Mapping[str, Any]) -> str:
    """The rules that keep pieces without a place, of most printers first; a fault of ours is told by itself."""
    of_printers = {
        (each["rule"], each["printer"])
        for each in line["reasons"]
        if each["code"] != ReasonCode.UNSOUND
    }
    many = Counter(rule for rule, _ in of_printers)
    told = (
        rule if count == 1 else gettext("%(rule)s (%(many)s printers)", rule=rule, many=count)
        for rule, count in sorted(many.items(), key=lambda item: (-item[1], item[0]))
    )
    return gettext("; ").join(told)


def _nothing_lines(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Say why printers got nothing: once for all of whom the same is to be said, most of them first."""
    same: dict[tuple[str, float], list[Mapping[str, Any]]] = {}
    for row in rows:
        slow = row["pace"] if is_told(row["pace"]) else 1.0
        same.setdefault((_why(row), slow), []).append(row)
    for (why, _pace), group in sorted(same.items(), key=lambda item: (-len(item[1]), item[0])):
        if len(group) == 1:
            yield "  " + gettext(
                "%(printer)s: nothing: %(why)s", printer=group[0]["title"], why=why
            )
        else:
            yield "  " + gettext("%(many)s printers: nothing: %(why)s", many=len(group), why=why)
            titles = gettext("; ").join(row["title"] for row in group)
            yield textwrap.fill(
                titles, _WIDTH, initial_indent="    ", subsequent_indent="    ",
                break_long_words=False,
            )  # fmt: skip
        yield from _pace_lines(group[0])


def _pace_lines(row: Mapping[str, Any]) -> Iterable[str]:
    if is_told(row["pace"]):
        yield "    " + gettext(
            "takes %(times)s times as long as the slicer says", times=decimal(row["pace"], 1)
        )


def _share_line(row: Mapping[str, Any]) -> str:
    told = []
    if row["grams"] is not None:
        told.append(gettext("%(grams)s g", grams=f"{row['grams']:.0f}"))
    if row["km"] is not None:
        told.append(gettext("%(km)s km", km=f"{row['km']:.0f}"))
    if not row["plates_left"]:
        told.append(gettext("all of it counted"))
    else:
        if row["done_at"] is not None:
            told.append(gettext("done %(at)s", at=local(row["done_at"])))
        if row["late"]:
            told.append(gettext("%(many)s of them late", many=row["late"]))
    return "  " + gettext(
        "%(printer)s: %(pieces)s on %(plates)s (%(told)s)",
        printer=row["title"], told=", ".join(told),
        pieces=ngettext("%(num)s piece", "%(num)s pieces", row["pieces"]),
        plates=ngettext("%(num)s plate", "%(num)s plates", row["plates"]),
    )  # fmt: skip


def _why(row: Mapping[str, Any]) -> str:
    """Why a printer got nothing or no more of a part."""
    told = gettext("; ").join(reason["words"] for reason in row["reasons"])
    if told:
        return told
    return gettext("the next plan says why") if row["plates"] else gettext("not measured yet")


def _kits(number: int) -> str:
    return ngettext("%(num)s kit", "%(num)s kits", number)


def difference_lines(found: Difference, names: Mapping[str, str]) -> Iterable[str]:
    """Yield what would be otherwise: as it is, and as it would be; `names` are of labs."""
    now, then = found.now, found.then
    rows = (
        ("", gettext("now"), gettext("then")),
        (gettext("done"), _time(now), _time(then)),
        (gettext("pieces in labs' hands"), now.held, then.held),
        (gettext("pieces planned"), now.placed, then.placed),
        (gettext("pieces late"), now.late, then.late),
        (gettext("pieces without a place"), now.without_place, then.without_place),
        *(
            [(gettext("km, all pieces"), round(now.km), round(then.km))]
            if now.km or then.km
            else []
        ),
        (gettext("grams"), round(now.grams), round(then.grams)),
        (gettext("labs"), len(now.pieces_of), len(then.pieces_of)),
        (gettext("other orders, late"), now.others_late, then.others_late),
        (gettext("other orders, no place"), now.others_without_place, then.others_without_place),
    )
    wide = max(24, *(len(words) + 2 for words, _, _ in rows))
    for words, one, two in rows:
        yield f"{words:<{wide}}{one:>24}{two:>24}"
    before, after = dict(now.pieces_of), dict(then.pieces_of)
    yield gettext(
        "Labs that would make more or fewer pieces: %(many)s",
        many=len(found.touched) or gettext("none"),
    )
    for lab in found.touched:
        yield "  " + gettext(
            "%(lab)s: %(then)s instead of %(now)s",
            lab=names.get(lab) or _new(lab), then=after.get(lab, 0), now=before.get(lab, 0),
        )  # fmt: skip
    yield gettext(
        "This is how the next plan would have it. What no lab was offered is given out anew every 12 hours"
        " where some of it would be late: what that changes is not shown."
    )
    yield gettext("Nothing was changed.")


def _new(lab: str) -> str:
    """The name of a printer that does not exist yet."""
    return gettext("new printer %(number)s", number=lab.removeprefix("plus-"))


def _time(outcome: Outcome) -> str:
    return "-" if outcome.done_at is None else clock.local(outcome.done_at)


def stock_lines(report: Mapping[str, Any]) -> Iterable[str]:
    """Yield the report of filament: what is missing first, and of each list what comes first of it."""
    if not report["materials"]:
        yield gettext("Nothing is planned that takes filament.")
    yield from _material_lines(report)
    yield from _first(_shortage_lines(report))
    yield from _first(
        "  "
        + gettext(
            "%(sending)s to %(lab)s: %(grams)s g of %(material)s, expected %(day)s",
            **{name: each[name] for name in ("sending", "lab", "grams", "material", "day")},
        )
        for each in report["on_way"]
    )
    if report["transfers"]:
        yield gettext("From the depot:")
    yield from _first(_transfer_lines(report))
    yield from _first(
        gettext(
            "%(day)s %(lab)s: %(grams)s g of %(material)s, %(left)s g left",
            day=each["day"], lab=each["lab"], grams=f"{each['grams']:.0f}",
            material=each["material"], left=f"{each['left_g']:.0f}",
        )
        for each in report["days"]
    )  # fmt: skip


def _first(lines: Iterable[str]) -> Iterable[str]:
    """Yield the first of some lines, and how many more there are."""
    known = list(lines)
    # One more is no longer than the word that there is one more.
    most = len(known) if len(known) <= _MOST_LINES + 1 else _MOST_LINES
    yield from known[:most]
    if known[most:]:
        yield "  " + gettext("and %(many)s more: --json has all", many=len(known) - most)


def _shortage_lines(report: Mapping[str, Any]) -> Iterable[str]:
    for each in report["shortages"]:
        yield "  " + gettext(
            "%(day)s %(lab)s, %(printer)s: %(missing)s g of %(material)s missing",
            **{name: each[name] for name in ("day", "lab", "printer", "material")},
            missing=f"{each['missing_g']:.0f}",
        )


def _transfer_lines(report: Mapping[str, Any]) -> Iterable[str]:
    for each in report["transfers"]:
        told = gettext(
            "by %(day)s to %(lab)s: %(grams)s g of %(material)s",
            day=each["day"], lab=each["lab"], grams=f"{each['grams']:.0f}", material=each["material"],
        )  # fmt: skip
        if each["missing_g"]:
            told = gettext(
                "%(told)s; %(missing)s g more are nowhere",
                told=told, missing=f"{each['missing_g']:.0f}",
            )  # fmt: skip
        yield f"  {told}"


def _material_lines(report: Mapping[str, Any]) -> Iterable[str]:
    """Say what is to be printed of each material, and what of it lies in the depot."""
    for each in report["materials"]:
        told = [
            gettext(
                "%(material)s: %(grams)s g to be printed",
                material=each["material"], grams=f"{each['grams']:.0f}",
            )
        ]  # fmt: skip
        if each["missing_g"]:
            told.append(gettext("%(grams)s g are missing", grams=f"{each['missing_g']:.0f}"))
        if each["reserved_g"]:
            told.append(
                gettext(
                    "%(grams)s g reserved by plates in labs' hands",
                    grams=f"{each['reserved_g']:.0f}",
                )
            )
        yield gettext("; ").join(told)
    for material, grams in report["depot"].items():
        yield gettext(
            "%(material)s: %(grams)s g in the depot", material=material, grams=f"{grams:.0f}"
        )
