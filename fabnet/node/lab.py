"""What this lab is and may do now: the configuration file, and over it what its owner entered on a page.

Leaves decisions to `fabnet.node.policy`, and what printers did to the journal itself.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from hashlib import sha256

import msgspec

from fabnet import clock
from fabnet.config import NodeConfig
from fabnet.node import telling, wall
from fabnet.node.journal import Journal
from fabnet.node.policy import Rules
from fabnet.node.tables import pace_of
from fabnet.printer_config import SPOOLMAN, PrinterConfig
from firmware_profiles.profile import ROUND, MachinePreset
from jobs.errors import InvalidFieldError
from jobs.hours import WEEK_H, in_week_s, parse
from jobs.joining import rounded
from jobs.lifecycle import UNGRANTED, AttemptState
from jobs.messages import Alone, Capabilities, Config, Loaded, OutOfService, Rates
from jobs.plausible import check_rates
from printers.model import MANUAL, PrinterFacts, Spool

_log = logging.getLogger(__name__)

_SEEN = "clock_seen"  # the setting that holds what the clock has shown


class Lab:
    """One lab, as its node sees it."""

    def __init__(
        self, config: NodeConfig, presets: Mapping[str, MachinePreset], journal: Journal
    ) -> None:
        self._config = config
        self._presets = presets
        self._journal = journal

    @property
    def asks(self) -> bool:
        """Whether a person answers each offer."""
        told = self._journal.setting("asks")
        return self._config.asks if told is None else told == "yes"

    @property
    def paused(self) -> bool:
        """Whether the owner takes no new work now; a pause ends by itself on its day."""
        told = self._journal.setting("paused")
        paused = self._config.paused if told is None else told == "yes"
        until = self.paused_until
        return paused and not _is_over(until)

    @property
    def paused_until(self) -> str:
        """The day on which a pause ends, "" for without an end."""
        told = self._journal.setting("paused_until")
        return self._config.paused_until if told is None else told

    @property
    def resting(self) -> tuple[bool, frozenset[str]]:
        """Whether the lab has paused, and the printers that are out of service: both end on a day."""
        printers = (p.id for p in self._config.printers)
        return self.paused, frozenset(p for p in printers if self._out_of_service(p).out)

    def _out_of_service(self, printer: str) -> OutOfService:
        text = self._journal.setting(f"out_of_service:{printer}")
        if text is not None:
            told = msgspec.json.decode(text, type=OutOfService)
            if told.out and not _is_over(told.until):
                return told
        return OutOfService(printer=printer, out=False)

    def forget_moved(self) -> None:
        """Call no bed clear of which another machine may stand there now than when it was called so.

        That is where node.toml names another preset, port or OctoPrint, or had left the printer out.
        """
        for printer in self._config.printers:
            stands = (
                self._presets.get(printer.id),
                printer.port,
                printer.octoprint,
                printer.manual,
            )
            key, now = f"stands:{printer.id}", sha256(msgspec.json.encode(stands)).hexdigest()
            before = self._journal.setting(key)
            if now != before:
                with self._journal.transaction() as db:
                    self._journal.set_setting(db, key, now)
                    # Nothing is kept of a node that an earlier release has run: it is trusted once.
                    if before is not None:
                        self._journal.set_clear(db, printer.id, clear=False)
        with self._journal.transaction() as db:
            self._journal.forget_beds(
                db, frozenset(printer.id for printer in self._config.printers)
            )

    @property
    def weekly_h(self) -> float:
        """Hours of printing that the owner gives in a calendar week; 0: no ceiling."""
        told = self._journal.setting("weekly_h")
        return self._config.weekly_h if told is None else float(told)

    @property
    def heaters_at_once(self) -> int:
        """How many printers may heat up at the same time; 0: all."""
        return self._config.heaters_at_once

    @property
    def attended(self) -> str:
        """The hours of the week with somebody there."""
        return self._journal.setting("attended") or self._config.attended

    @property
    def pause_word(self) -> str:
        """What names the last word on a pause that was said here, "" where none was."""
        return self._journal.setting("pause_word") or ""

    def enter(self, db: sqlite3.Connection, told: Config) -> None:
        """Keep what the owner has entered here; no end of a pause that was said before ends this one."""
        if told.paused is not None:
            self._journal.set_setting(db, "pause_word", secrets.token_hex(4))
        self.configure(db, replace(told, pause_word=None))

    def configure(self, db: sqlite3.Connection, told: Config) -> None:
        """Keep what the owner has entered; what this node cannot use is left out and logged.

        A pause that comes late is kept. Its end is only of what was known where it was said: a word that
        was long on its way ends no pause that was said here since.
        """
        if told.paused is False and told.pause_word not in {None, self.pause_word}:
            _log.warning("a pause goes on: its end was said before the pause was")
            told = replace(told, paused=None, paused_until=None)
        if told.attended is not None:
            try:
                parse(told.attended)
            except InvalidFieldError as error:
                _log.warning("hours from a page were left out: %s", error)
            else:
                self._journal.set_setting(db, "attended", told.attended)
        for key, value in (("paused", told.paused), ("asks", told.asks)):
            if value is not None:
                self._journal.set_setting(db, key, "yes" if value else "no")
        self._configure_week(db, told)
        self._configure_printers(db, told)

    def _configure_printers(self, db: sqlite3.Connection, told: Config) -> None:
        names = [printer.id for printer in self._config.printers]
        # A machine without a preset has no spool, and a person is always at it.
        for each in told.alone:
            if each.printer in self._presets and (each.holds or not each.allowed):
                text = msgspec.json.encode(each).decode()
                self._journal.set_setting(db, f"alone:{each.printer}", text)
        for out in told.out_of_service:
            if out.printer in names and (not out.until or _is_day(out.until)):
                text = msgspec.json.encode(out).decode()
                self._journal.set_setting(db, f"out_of_service:{out.printer}", text)
        for rates in told.rates:
            if rates.printer in names and rates.printer not in self._presets and _are(rates):
                text = msgspec.json.encode(rates).decode()
                self._journal.set_setting(db, f"rates:{rates.printer}", text)
        for spool in told.loaded:
            if spool.printer in self._presets:
                named = _named(spool)
                self._journal.load(db, named)
                telling.weigh(db, named)

    def _configure_week(self, db: sqlite3.Connection, told: Config) -> None:
        if told.paused is not None:
            # A pause that is entered without a day has no end, whatever was there before.
            until = told.paused_until or ""
            self._journal.set_setting(db, "paused_until", until if _is_day(until) else "")
        if told.weekly_h is not None and 0 <= told.weekly_h <= WEEK_H:
            self._journal.set_setting(db, "weekly_h", f"{told.weekly_h:g}")

    def _unattended(self, printer: PrinterConfig) -> bool:
        told = self._journal.setting(f"alone:{printer.id}")
        return printer.unattended if told is None else msgspec.json.decode(told, type=Alone).holds

    def _rates(self, printer: PrinterConfig) -> Rates:
        told = self._journal.setting(f"rates:{printer.id}")
        if told is None:
            return Rates(printer=printer.id, rate_per_h=printer.rate_per_h)
        return msgspec.json.decode(told, type=Rates)

    def has_rates(self, printer: str) -> bool:
        """Whether a person works this machine, at rates that she says."""
        return printer not in self._presets

    def is_manual(self, printer: str) -> bool:
        """Whether a person feeds this printer by hand."""
        return self.facts(self._printer(printer)).link == MANUAL

    def spool_id(self, printer: str) -> str:
        """Return the id of the spool that is in a printer."""
        return self._loaded(self._printer(printer)).spool

    def loaded_on(self, printer: str) -> Spool | None:
        """Return the spool in a printer, None where none is."""
        return self.facts(self._printer(printer)).spool

    def _printer(self, printer: str) -> PrinterConfig:
        return next(p for p in self._config.printers if p.id == printer)

    def _loaded(self, printer: PrinterConfig) -> Loaded:
        told = self._journal.loaded(printer.id)
        if (
            told is not None
            and told.spool.startswith(SPOOLMAN)
            and told.spool != printer.spool_name
        ):
            told = None  # The file names another one since.
        told = told or Loaded(
            printer=printer.id,
            spool=printer.spool_name,
            material=printer.material,
            grams=printer.grams,
            maker_lot=printer.spool_lot,
        )
        return _named(told)

    def facts(self, printer: PrinterConfig) -> PrinterFacts:
        """Return what the network may know of a printer."""
        out = self._out_of_service(printer.id)
        preset = self._presets.get(printer.id)
        if preset is None:
            rates = self._rates(printer)
            return PrinterFacts(
                id=printer.id, title=printer.title or printer.id, preset="", bed_x_mm=0.0,
                bed_y_mm=0.0, height_mm=0.0, margin_mm=0.0, nozzle_mm=0.0, spool=None,
                link=printer.link, out_of_service=out.out, out_until=out.until,
                process=printer.process, rate_per_h=rates.rate_per_h, rates=rates.parts,
            )  # fmt: skip
        told = self._loaded(printer)
        spool = None
        if told.material:
            left = max(0.0, told.grams - self._journal.used_g(told.spool))
            spool = Spool(
                id=told.spool,
                material=told.material,
                grams=round(left, 1),
                maker_lot=told.maker_lot,
            )
        return PrinterFacts(
            id=printer.id,
            title=printer.title or preset.title,
            preset=preset.name,
            bed_x_mm=preset.bed_x_mm,
            bed_y_mm=preset.bed_y_mm,
            height_mm=preset.height_mm,
            margin_mm=preset.margin_mm,
            nozzle_mm=preset.nozzle_mm,
            spool=spool,
            link=printer.link,
            unattended=self._unattended(printer),
            out_of_service=out.out,
            out_until=out.until,
            round_bed=preset.bed == ROUND,
            keep_out_mm=preset.keep_out_mm,
        )

    @property
    def utc_offset_min(self) -> int:
        """How far the clock on the lab's wall is before UTC; another one in summer than in winter."""
        offset = clock.now().astimezone().utcoffset()
        return 0 if offset is None else round(offset.total_seconds() / 60)

    def capabilities(self) -> Capabilities:
        """Return all that the network may plan on."""
        place = self._config.place
        return Capabilities(
            lab=self._config.lab,
            printers=tuple(self.facts(printer) for printer in self._config.printers),
            paused=self.paused,
            place=None if place is None else rounded(place),
            attended=self.attended,
            utc_offset_min=self.utc_offset_min,
            asks=self.asks,
            paused_until=self.paused_until if self.paused else "",
            weekly_h=self.weekly_h,
            pause_word=self.pause_word,
        )

    @property
    def clock_behind(self) -> bool:
        """Whether the clock on the wall shows less than it must be by now, and nobody has set it."""
        return (
            wall.is_behind(
                self._seen(), clock.built(), clock.now(), clock.boottime_s(), clock.boot_id()
            )
            and not clock.is_set()
        )

    def watch_clock(self) -> None:
        """Keep what the clock shows, now and then, while it can be right."""
        now, now_s, boot = clock.now(), clock.boottime_s(), clock.boot_id()
        if wall.is_to_keep(self._seen(), now_s, boot) and not self.clock_behind:
            told = msgspec.json.encode(wall.Seen(at=now, at_s=now_s, boot=boot)).decode()
            with self._journal.transaction() as db:
                self._journal.set_setting(db, _SEEN, told)

    def _seen(self) -> wall.Seen | None:
        told = self._journal.setting(_SEEN)
        return None if told is None else msgspec.json.decode(told, type=wall.Seen)

    def rules(self) -> Rules:
        """Return what the owner has laid down, for decisions."""
        live = self._journal.entries(UNGRANTED | {AttemptState.GRANTED, AttemptState.PRINTING})
        reserved: dict[str, float] = {}
        for entry in live:
            reserved[entry.printer] = reserved.get(entry.printer, 0.0) + entry.grams
        local = clock.here()
        begun = self._journal.begun() if self.weekly_h else ()
        return Rules(
            paused=self.paused,
            attended=parse(self.attended),
            unattended=frozenset(p.id for p in self._config.printers if self._unattended(p)),
            printers={p.id: self.facts(p) for p in self._config.printers},
            reserved_g=reserved,
            weekly_h=self.weekly_h,
            begun_s=sum(in_week_s(at, seconds, local) for at, seconds in begun),
            taken_s=sum(entry.seconds for entry in live if not entry.intent),
            paces={p: pace_of(self._journal.reading, p, clock.now()) for p in self._presets},
            clock_behind=self.clock_behind,
        )


def _is_over(until: str) -> bool:
    """Whether a day has come, by the clock on the lab's wall; "" never comes."""
    return bool(until) and clock.now().astimezone().date() >= date.fromisoformat(until)


def _are(rates: Rates) -> bool:
    """Whether somebody can be that fast; what cannot be is logged."""
    try:
        check_rates(rates.rate_per_h, rates.parts)
    except InvalidFieldError as error:
        _log.warning("rates from a page were left out: %s", error)
        return False
    return True


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _named(told: Loaded) -> Loaded:
    """A spool without an id is the printer's first; what was printed from it is kept under that."""
    return told if told.spool else replace(told, spool=f"{told.printer}-1")
