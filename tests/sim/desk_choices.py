"""What people choose, write down and let in: it moves no piece, and much goes otherwise after it."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import replace
from datetime import date, timedelta

from jobs.coordinator import (
    claims,
    complaints,
    deliveries,
    enrolment,
    leaving,
    lot_photos,
    nodes,
    orders,
    people,
    recalls,
    retention,
    reviews,
    telling,
    upkeep,
)
from jobs.errors import JobError
from jobs.joining import Enrol, Hosted, Newcomer, fingerprint
from jobs.lifecycle import AttemptState
from jobs.messages import Alone, Capabilities, Config, Loaded, OutOfService, PrinterChange, Rates
from jobs.model import Priority
from jobs.notice_kinds import CHOICES
from printers.model import MANUAL, PrinterFacts, PrinterState, Spool
from tests.doubles.world import a_request, some_facts
from tests.sim.desk_labs import Labs

LOGIN = f"$7$101${'a' * 16}${'b' * 86}=="
PROFILES = ("", *3 * ("fr-anti-projection-2020-05",), "afnor-spec-s76-001-2020")
MAIL = "ada@chu.example"
_SPOOLS = (
    None, Spool(id="s1", material="PETG", grams=800, maker_lot="L42"),
    Spool(id="s2", material="PETG", grams=300), Spool(id="s3", material="PLA", grams=500, maker_lot="L7"),
)  # fmt: skip


class Choices(Labs):
    """All that is no plate, no bag and no parcel."""

    # --- orders

    def place(self, kits: int) -> None:
        """Somebody asks, by mail, and no steward has read it yet."""
        asked = a_request(
            self.revision, kits, contact=MAIL, due=max(date(2026, 12, 1), self.now.date())
        )
        self.tries(lambda: orders.place(self.ledger, asked, self.revision, self.now))

    def decide_on(self, order_id: str, *, yes: bool) -> None:
        if yes:
            self.tries(lambda: orders.confirm(self.ledger, order_id, "steward", self.now))
        else:
            self.tries(lambda: orders.refuse(self.ledger, order_id, "no", "steward", self.now))

    def note_on(self, order_id: str, *, trial: bool) -> None:
        orders.complete(self.ledger, order_id, {"finess": "010000024"}, "steward", self.now)
        orders.mark_trial(self.ledger, order_id, "steward", self.now, trial=trial)
        priority = Priority.URGENT if trial else Priority.CAN_WAIT
        self.tries(
            lambda: orders.set_priority(self.ledger, order_id, priority, "steward", self.now)
        )
        claims.resplit(self.ledger, self.now, order_id)
        tomorrow = self.now.date() + timedelta(days=1)
        self.begins(order_id, tomorrow if trial else None)

    def begins(self, order_id: str, day: date | None) -> None:
        """Nothing of an order is begun before a day; None: at once."""
        self.tries(lambda: orders.set_release(self.ledger, order_id, day, "steward", self.now))
        claims.plan_anew(self.ledger, self.now, order_id)

    def hide_thanks(self, batch: str, *, hidden: bool) -> None:
        deliveries.hide_thanks(self.ledger, batch, "steward", self.now, hidden=hidden)

    def read_complaint(self, complaint: str, *, told: bool) -> None:
        complaints.read(self.ledger, complaint, "file it", "inspector", self.now, pass_on=told)

    def acknowledge(self, recall: str, order_id: str, pieces: int) -> None:
        self.tries(
            lambda: recalls.acknowledge(
                self.ledger, recall, order_id, pieces, "requester", self.now
            )
        )

    # --- designs

    def choose_profile(self, profile: str) -> None:
        self.tries(
            lambda: reviews.choose_profile(self.ledger, self.revision, profile, "s", self.now)
        )

    def accept_design(self, days: int = 0) -> None:
        self.tries(
            lambda: reviews.accept(
                self.ledger, self.revision.id, body="CHU", use="visors", document="a.pdf",
                document_sha256="0" * 64, until=self.now.date() + timedelta(days=days), by="steward",
                now=self.now,
            )
        )  # fmt: skip

    # --- labs

    def can(self, lab: str, spool: int, **changes: object) -> None:
        """A node says what it can do now: another spool, by hand, paused, out of service, or nothing."""
        facts = replace(some_facts(), spool=_SPOOLS[spool])
        facts = replace(facts, **{k: v for k, v in changes.items() if hasattr(facts, k)})
        rest = {k: v for k, v in changes.items() if k in ("paused", "asks", "weekly_h")}
        printers: tuple[PrinterFacts, ...] = () if changes.get("bare") else (facts,)
        self.says(lab, Capabilities(lab=f"Lab {lab}", printers=printers, **rest))

    def is_by_hand(self, lab: str) -> None:
        self.can(lab, 1, link=MANUAL)

    def printer_is(self, lab: str, state: PrinterState, *, clear: bool) -> None:
        self.says(lab, PrinterChange(printer="p1", state=state, clear=clear, fault="so"))

    def decides(self, lab: str, *, taken: bool) -> None:
        """Its maker answers an offer on her page; her node has not read it yet."""
        self.can(lab, 1, asks=True)
        for found in self.attempts(AttemptState.OFFERED):
            if found.node == lab:
                self.tries(
                    lambda each=found: nodes.decide(
                        self.ledger, each.ref, "no-time", f"of-{lab}", self.now, taken=taken
                    )
                )

    def configures(self, lab: str) -> None:
        change = Config(
            paused=True, asks=False, attended="08:00-20:00", weekly_h=3.0,
            loaded=(Loaded(printer="p1", spool="s2", material="PETG", grams=300),),
            alone=(Alone(printer="p1", allowed=False),),
            rates=(Rates(printer="p1", rate_per_h=4.0),),
        )  # fmt: skip
        self.tries(lambda: nodes.configure(self.ledger, lab, change, f"of-{lab}", self.now))
        self.tries(lambda: nodes.let_know(self.ledger, lab, f"of-{lab}", self.now, listed=True))
        out = OutOfService(printer="p1", out=True)
        self.tries(lambda: upkeep.note(self.ledger, lab, "p1", "belt", out, f"of-{lab}", self.now))

    def photos(self, code: str, *, keep: bool) -> None:
        lab = self.ids(
            "select node from job j join lot l on l.job_id = j.id where l.code = ?", code
        )
        by = f"of-{lab[0]}"
        if keep:
            jpeg = secrets.token_bytes(4)
            self.tries(lambda: lot_photos.add(self.ledger, code, [jpeg], by, self.now))
        else:
            self.tries(lambda: lot_photos.remove(self.ledger, code, 1, by, self.now))

    # --- who belongs to the network, and is told what

    def newcomer(self, *, by_hand: bool, confirmed: bool) -> None:
        """A lab is invited, joins, and is let in or not; an invitation of before is taken back."""
        token = enrolment.invite(self.ledger, "Nouveau", "steward", self.now)
        invites = self.ids("select token_hash from invite where node is null")
        if len(invites) > 1:
            self.tries(lambda: enrolment.uninvite(self.ledger, invites[0], "steward", self.now))
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        if by_hand:
            hosted = Hosted(town="Lyon", place=None, attended="08:00-20:00", printers=())
            login = f"ada-{secrets.token_hex(3)}"
            who = Newcomer(lab="Nouveau", login=login, password_hash="", hosted=hosted)
            node = enrolment.join_by_hand(self.ledger, token, who, self.now)
            enrolment.keep_key(self.ledger, node, key, LOGIN)
        else:
            ask = Enrol(token=token, public_key=key, login=LOGIN, proof="")
            node = enrolment.join(self.ledger, ask, self.now).id
        if confirmed:
            enrolment.confirm(self.ledger, node, fingerprint(key), "steward", self.now)

    def rotate(self, lab: str) -> None:
        self.tries(lambda: enrolment.ask_to_rotate(self.ledger, lab, "steward", self.now))
        self.tries(lambda: enrolment.change_login(self.ledger, lab, 1, LOGIN, self.now))

    def accounts(self, lab: str) -> None:
        """Somebody else of the lab gets an account by its node; and is told what waits, and then not."""
        login = f"mia-{lab}"
        self.tries(lambda: people.open_account(self.ledger, login, "", lab, self.now))
        try:
            before = telling.choice_of(self.ledger, f"of-{lab}")
        except JobError:
            return
        chosen = replace(before, address=MAIL, kinds=frozenset(CHOICES[before.role]))
        telling.choose(self.ledger, chosen, self.now)
        telling.stop(self.ledger, login, self.now)

    def erase_driver(self) -> None:
        self.tries(
            lambda: retention.erase_driver(
                self.ledger, retention.known(self.ledger, "Zoé", self.now)
            )
        )

    # --- nobody is named who was forgotten

    def leaves(self, lab: str) -> None:
        """Its maker leaves for good; another lab of the same name comes in her place."""
        if not self.tries(lambda: leaving.leave(self.ledger, f"of-{lab}", self.now)):
            return
        named = self.named(f"of-{lab}")
        if not self.ids("select 1 from node where id = ?", lab):
            named += self.named(lab)
        assert not named, f"who has left is named: {named}"
        self.join(lab)

    def named(self, word: str) -> list[str]:
        """Return the columns in which a word stands, alone or as the beginning of a name with a slash."""
        known = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
        found = []
        tables = self.ids("select name from sqlite_master where type = 'table'")
        for table in tables:
            for row in self.db.execute(f'select * from "{table}"').fetchall():
                for name in row.keys():  # noqa: SIM118 - a row of the database
                    value = row[name]
                    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
                    if isinstance(text, str) and known.search(text):
                        found.append(f"{table}.{name}: {text[:80]}")
        return found
