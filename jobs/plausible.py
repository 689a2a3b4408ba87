"""Whether what a node says can be: numbers and lengths that no honest node exceeds.

A node is enrolled and may still be broken or hostile. What passes here is kept and planned on, so
one absurd number would stop the plan of everybody. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from designs.model import BY_PEOPLE, PRINTED
from jobs import hours
from jobs.errors import InvalidFieldError
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Answer,
    Capabilities,
    Counted,
    PrinterChange,
    PrinterTele,
    Ready,
    Report,
    Restated,
    Sync,
    Telemetry,
    Up,
)
from jobs.model import AttemptRef
from printers.model import LEAST_RATE_PER_H, MANUAL, MOST_RATE_PER_H, PartRate, PrinterFacts

MOST_PRINTERS = 500
MOST_ATTEMPTS = 5000
MOST_RATES = 500  # of parts, for one machine
MOST_ZONES = 16  # that stay empty on one bed
MOST_NUMBER = 99_999_999  # of attempts of one job: a bag's code has room for eight digits
MOST_SECONDS = 90 * 24 * 3600.0  # of one plate
MOST_G = 20_000.0  # more than any spool that is sold
MOST_PIECES = 100_000  # of one plate
MOST_MM = 10_000.0
MOST_C = 1000.0
_MOST_OFFSET_MIN = 15 * 60
_NAME = 100  # characters of a name
_WORDS = 2000  # characters of a sentence


def check(message: Up) -> None:
    """Look at a message of a reliable stream.

    Raises:
        InvalidFieldError: naming the field that cannot be.
    """
    match message:
        case Capabilities():
            _capabilities(message)
        case PrinterChange():
            _text("printer", message.printer, _NAME)
            _text("fault", message.fault, _WORDS)
            _text("used", message.used, _NAME)
        case Answer():
            _refs((message.attempt,))
            _text("reason", message.reason, _WORDS)
        case Ready():
            _ready(message)
        case Report():
            _refs((message.attempt,))
            _text("reason", message.reason, _WORDS)
            _text("spool", message.spool, _NAME)
            _number("took_s", message.took_s or 0.0, 0, MOST_SECONDS)
        case Counted():
            _refs((message.attempt,))
            _number("good", message.good, 0, MOST_PIECES)
            _number("scrap", message.scrap, 0, MOST_PIECES)
            for name in ("reason", "by", "at"):
                _text(name, getattr(message, name), _WORDS)
        case Sync():
            _refs(held.attempt for held in message.attempts)
            _states(held.state for held in message.attempts)
        case Restated():
            _restated(message)


def _states(states: Iterable[AttemptState]) -> None:
    """No journal holds what only stands for a cell of the ledger that cannot be read."""
    if AttemptState.UNKNOWN in states:
        known = frozenset(AttemptState) - {AttemptState.UNKNOWN}
        raise InvalidFieldError("state", f"is none of {', '.join(sorted(known))}")


def check_telemetry(told: Telemetry) -> None:
    """Look at a telemetry message.

    Raises:
        InvalidFieldError: naming the field that cannot be.
    """
    _count("printers", len(told.printers), MOST_PRINTERS)
    for each in told.printers:
        _tele(each)


def check_rates(rate_per_h: float, parts: Collection[PartRate]) -> None:
    """Look at what a person says of her pieces an hour: of all, and of single parts.

    Raises:
        InvalidFieldError: naming the field that cannot be.
    """
    _number("rate_per_h", rate_per_h, LEAST_RATE_PER_H, MOST_RATE_PER_H)
    _count("rates", len(parts), MOST_RATES)
    for each in parts:
        _text("part", each.part, _NAME)
        _text("source_sha256", each.source_sha256, _NAME)
        _number("per_h", each.per_h, LEAST_RATE_PER_H, MOST_RATE_PER_H)


def _tele(tele: PrinterTele) -> None:
    _text("printer", tele.printer, _NAME)
    _text("attempt", tele.attempt, _NAME)
    _number("fraction_done", tele.fraction_done or 0.0, 0.0, 1.0)
    for name, celsius in (("nozzle_c", tele.nozzle_c), ("bed_c", tele.bed_c)):
        _number(name, celsius or 0.0, -MOST_C, MOST_C)


def _capabilities(told: Capabilities) -> None:
    _text("lab", told.lab, _NAME)
    _text("attended", told.attended, _WORDS)
    _day("paused_until", told.paused_until)
    _text("pause_word", told.pause_word, _NAME)
    _number("weekly_h", told.weekly_h, 0.0, hours.WEEK_H)
    check_lab(told.attended, told.utc_offset_min, told.weekly_h, told.place)
    _count("printers", len(told.printers), MOST_PRINTERS)
    if len({printer.id for printer in told.printers}) < len(told.printers):
        raise InvalidFieldError("printers", "two have the same id")
    for printer in told.printers:
        check_printer(printer)


def check_lab(
    attended: str, utc_offset_min: float, weekly_h: float, place: tuple[float, float] | None
) -> None:
    """Look at what is said of a lab's hours, its clock, its weekly ceiling and its place.

    Raises:
        InvalidFieldError: naming the field that cannot be.
    """
    hours.parse(attended)
    _number("weekly_h", weekly_h, 0.0, hours.WEEK_H * MOST_PRINTERS)
    _number("utc_offset_min", utc_offset_min, -_MOST_OFFSET_MIN, _MOST_OFFSET_MIN)
    if place is not None:
        _number("place", place[0], -90.0, 90.0)
        _number("place", place[1], -180.0, 180.0)


def check_printer(printer: PrinterFacts) -> None:
    """Look at what is said of one printer.

    Raises:
        InvalidFieldError: naming the field that cannot be.
    """
    for name in ("id", "title", "preset", "link"):
        _text(name, getattr(printer, name), _NAME)
    if not printer.id:
        raise InvalidFieldError("id", "a printer has no id")
    _day("out_until", printer.out_until)
    if printer.process == PRINTED:
        _prints(printer)
    elif printer.process in BY_PEOPLE:
        _by_rate(printer)
    else:
        raise InvalidFieldError("process", f"is none of {', '.join((PRINTED, *BY_PEOPLE))}")


def _prints(printer: PrinterFacts) -> None:
    for name in ("bed_x_mm", "bed_y_mm", "height_mm"):
        _number(name, getattr(printer, name), 1.0, MOST_MM)
    _number("margin_mm", printer.margin_mm, 0.0, min(printer.bed_x_mm, printer.bed_y_mm) / 2)
    _zones(printer)
    _number("nozzle_mm", printer.nozzle_mm, 0.0, 100.0)
    _number("rate_per_h", printer.rate_per_h, 0.0, 0.0)
    _count("rates", len(printer.rates), 0)
    if printer.spool is not None:
        for name in ("id", "material", "maker_lot"):
            _text(name, getattr(printer.spool, name), _NAME)
        _number("grams", printer.spool.grams, 0.0, MOST_G)


def _zones(printer: PrinterFacts) -> None:
    """What lies on a bed is drawn, and looked at with every copy that is nested."""
    if printer.round_bed and printer.bed_x_mm != printer.bed_y_mm:
        raise InvalidFieldError("round_bed", "a round bed is as wide as it is deep")
    _count("keep_out_mm", len(printer.keep_out_mm), MOST_ZONES)
    for x0, y0, x1, y1 in printer.keep_out_mm:
        _number("keep_out_mm", x1, 0.0, printer.bed_x_mm)
        _number("keep_out_mm", x0, 0.0, x1)
        _number("keep_out_mm", y1, 0.0, printer.bed_y_mm)
        _number("keep_out_mm", y0, 0.0, y1)


def _by_rate(printer: PrinterFacts) -> None:
    """A machine that a person works has no bed and no spool; nothing can be divided by its rate else."""
    check_rates(printer.rate_per_h, printer.rates)
    if printer.link != MANUAL:
        raise InvalidFieldError("link", "a machine that a person works is told by hand")
    if printer.spool is not None:
        raise InvalidFieldError("spool", "a machine that does not print has none")
    for name in ("bed_x_mm", "bed_y_mm", "height_mm", "margin_mm", "nozzle_mm"):
        _number(name, getattr(printer, name), 0.0, 0.0)
    _count("keep_out_mm", len(printer.keep_out_mm), 0)


def _ready(message: Ready) -> None:
    _refs((message.attempt,))
    for name in ("nonce", "gcode_key", "slicer"):
        _text(name, getattr(message, name), 2 * _NAME)
    _number("seconds", message.seconds, 0.0, MOST_SECONDS)
    _number("grams", message.grams, 0.0, MOST_G)


def _restated(message: Restated) -> None:
    _refs(kept.offered.attempt for kept in message.attempts)
    _states(kept.state for kept in message.attempts)
    for kept in message.attempts:
        _number("pieces", kept.offered.pieces, 1, MOST_PIECES)
        _number("seconds", kept.offered.seconds, 0.0, MOST_SECONDS)
        _number("grams", kept.offered.grams, 0.0, MOST_G)
        _number("good", kept.good or 0, 0, MOST_PIECES)
        _number("scrap", kept.scrap or 0, 0, MOST_PIECES)
        _day("due", kept.offered.due)
        for name in ("reason", "spool", "counted_by"):
            _text(name, getattr(kept, name), _WORDS)


def _refs(refs: Iterable[AttemptRef]) -> None:
    for number, ref in enumerate(refs, 1):
        _count("attempts", number, MOST_ATTEMPTS)
        _text("job", ref.job, _NAME)
        _number("number", ref.number, 1, MOST_NUMBER)


def _text(field: str, value: str, most: int) -> None:
    if len(value) > most:
        raise InvalidFieldError(field, f"{len(value)} characters are more than {most}")


def _day(field: str, text: str) -> None:
    try:
        date.fromisoformat(text or "2026-01-01")
    except ValueError as error:
        raise InvalidFieldError(field, "is no day") from error


def _count(field: str, value: int, most: int) -> None:
    if value > most:
        raise InvalidFieldError(field, f"more than {most} of them")


def _number(field: str, value: float, least: float, most: float) -> None:
    # Not a number is below and above nothing.
    if not least <= value <= most:
        raise InvalidFieldError(field, f"{value:g} is not between {least:g} and {most:g}")
