"""Tells people what waits for them: writes letters down when they are due, and sends them.

Two threads of the coordinator. A letter is a row before it is a letter, and stays one until its server
has taken it: a crash in between sends it again, with the same Message-ID, and never loses it. Leaves
what is due to `jobs.telling`, words to `web.letters`, SMTP to `fabnet.mail`,
webhooks to `fabnet.webhook`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

from fabnet import clock
from fabnet.config import MailConfig
from fabnet.errors import LetterLostError, LetterRefusedError, MailError
from fabnet.mail import Mail, Post
from fabnet.webhook import Push, post
from jobs.coordinator import orders, telling
from jobs.errors import JobError
from jobs.ledger import notices
from jobs.ledger.notices import NoticeState, NoticeView
from jobs.ledger.store import Ledger
from jobs.notice_kinds import TO_REQUESTERS, Channel, Kind
from jobs.telling import Listener
from web.letters import Letter, Letterhead, Reader, letter

_log = logging.getLogger(__name__)

#: How often the outbox is looked at: an alarm is sent that soon.
_PUMP_S = 1.0
#: How often it is asked what is due.
_LOOK_S = 10.0
_TIDY_S = 600.0
_GRACE_S = 2.0
_AFTER_FAULT_S = 5.0
#: Letters that are looked up at once, and how long they are sent before it is looked for alarms again.
_BATCH, _ROUND_S = 50, 10.0
#: A letter of which nobody knows whether it was taken goes out so often.
_MOST_HANDED = 3
#: A letter that came into quiet hours is looked at again after this.
_HOLD = timedelta(minutes=10)


class TellingService:
    """The threads that write letters down, mail them and post them.

    Args:
        ledger: the coordinator's.
        config: the mail server; None: nobody is told anything.
        head: what all letters have in common.
        zone: of the network's clock.
    """

    def __init__(
        self, ledger: Ledger, config: MailConfig | None, head: Letterhead, zone: ZoneInfo
    ) -> None:
        self._ledger = ledger
        self._config = config
        self._head = head
        self._zone = zone
        self._stop = threading.Event()
        self._threads = []
        if config is not None:
            # Each a thread of its own: a webhook that says nothing must not keep an alarm waiting.
            self._threads = [
                self._thread("mail", self._mail_once),
                self._thread("webhooks", self._post_once),
            ]
        self._look_at_s = self._tidy_at_s = 0.0

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=self._again_and_again, args=[work], name=name, daemon=True)

    def start(self) -> None:
        """Begin to tell people."""
        if self._config is None:
            # Alarms and words to requesters are written down all the same: they grow old here.
            with self._ledger.transaction() as db:
                notices.tidy(db, clock.now())
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing more; a letter that is on its way is waited for a moment only."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_GRACE_S)

    def _again_and_again(self, work: Callable[[], None]) -> None:
        while not self._stop.wait(_PUMP_S):
            try:
                work()
            except Exception:  # noqa: BLE001
                # Whatever one letter does, others wait behind it.
                _log.exception("telling people failed; trying again")
                self._stop.wait(_AFTER_FAULT_S)

    def _mail_once(self) -> None:
        self._look()
        self._send_mail()

    def _post_once(self) -> None:
        until_s = clock.boottime_s() + _ROUND_S
        for row in self._due(Channel.WEBHOOK):
            self._post(row)
            if self._is_over(until_s):
                return

    def _is_over(self, until_s: float) -> bool:
        """Whether what has come in meanwhile is looked at before the next letter."""
        return self._stop.is_set() or clock.boottime_s() > until_s

    def _look(self) -> None:
        """Write down what is due, and tidy up now and then."""
        now_s = clock.boottime_s()
        if now_s >= self._tidy_at_s:
            self._tidy_at_s = now_s + _TIDY_S
            with self._ledger.transaction() as db:
                notices.tidy(db, clock.now())
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + _LOOK_S
            telling.tell(self._ledger, clock.now(), self._zone)

    def _send_mail(self) -> None:
        rows = self._due(Channel.MAIL)
        if not rows or self._config is None:
            return
        try:
            with Post(self._config) as office:
                until_s = clock.boottime_s() + _ROUND_S
                while rows and self._mail(office, rows[0]) and not self._is_over(until_s):
                    rows.pop(0)
        except MailError as error:
            _log.warning("%s %s letters wait.", error, len(rows))
            with self._ledger.transaction() as db:
                for row in rows:
                    notices.try_again(db, row, str(error), clock.now())

    def _due(self, channel: Channel) -> list[NoticeView]:
        """Return what is to be sent now; hold what came into quiet hours, end what is too late."""
        now = clock.now()
        rows = notices.to_send(self._ledger.reading, channel, now, _BATCH)
        people = {each.login: each for each in notices.listeners(self._ledger.reading)}
        found = []
        for row in rows:
            person = people.get(row.login)
            if row.expires_at < now:
                with self._ledger.transaction() as db:
                    notices.end(db, row.id, NoticeState.LATE, now)
            elif person and self._is_held(row, person):
                with self._ledger.transaction() as db:
                    notices.hold(db, row.id, now + _HOLD)
            else:
                found.append(row)
        return found

    def _is_held(self, row: NoticeView, person: Listener) -> bool:
        # A digest comes at the hour that its reader has chosen.
        may_come = row.urgent or row.kind is Kind.DIGEST
        return not may_come and person.is_quiet(clock.now().astimezone(self._zone))

    def _words(self, row: NoticeView) -> Letter | None:
        """Return what a letter says; None where that is not to be had: it waits, and hinders no other."""
        order_id = row.ref if row.kind in TO_REQUESTERS else ""
        # Before a steward has verified her, a requester is sent no link to her order.
        named = order_id and row.kind is not Kind.ORDER_ASKED
        reader = Reader(to=row.to, login=row.login, order_id=order_id)
        try:
            path = f"/o/{orders.link_of(self._ledger, order_id)}" if named else ""
            return letter(row.kind, row.facts, row.language, reader, self._head, path)
        except (JobError, LookupError, TypeError, ValueError) as error:
            _log.exception("letter %s cannot be written", row.key)
            self._later(row, f"{type(error).__name__}: {error}")
            return None

    def _later(self, row: NoticeView, why: str, *, in_doubt: bool = False) -> None:
        with self._ledger.transaction() as db:
            notices.try_again(db, row, why, clock.now(), in_doubt=in_doubt)

    def _may_go(self, row: NoticeView) -> bool:
        """Whether a letter is still to be sent; it is handed over from now on.

        Who ends before the answer has come sends it again, and not for ever: its reader may have all of them.
        """
        if not notices.still_waits(self._ledger.reading, row.id):
            return False
        with self._ledger.transaction() as db:
            if row.handed < _MOST_HANDED:
                notices.hand(db, row)
                return True
            why = f"it was handed over {row.handed} times, and no answer came: it may have arrived"
            notices.end(db, row.id, NoticeState.REFUSED, clock.now(), why)
        return False

    def _mail(self, office: Post, row: NoticeView) -> bool:
        """Send one letter, and keep what became of it; return whether the server is still there.

        Raises:
            MailError: the server takes no letter of ours.
        """
        words = self._words(row)
        if words is None or not self._may_go(row):
            return True
        mail = Mail(
            key=row.key,
            to=row.to,
            subject=words.subject,
            text=words.whole,
            language=row.language,
            written_at=row.created_at,
            stop_url=words.stop_url,
        )
        try:
            office.send(mail)
        except LetterRefusedError as error:
            self._not_taken(row, error)
            return True
        except LetterLostError as error:
            # Perhaps it was this letter that it fell over: the others go first, over a new connection.
            _log.warning("letter %s: %s", row.key, error)
            self._later(row, str(error), in_doubt=error.handed)
            return False
        with self._ledger.transaction() as db:
            notices.end(db, row.id, NoticeState.SENT, clock.now())
        _log.info("told %s by mail: %s", row.login or "a requester", row.key)
        return True

    def _post(self, row: NoticeView) -> None:
        """Post one letter to a webhook, and keep what became of it."""
        words = None if self._config is None else self._words(row)
        if self._config is None or words is None or not self._may_go(row):
            return
        alarm = row.kind is Kind.ALARM
        push = Push(
            key=row.key,
            url=row.to,
            title=words.subject,
            text=words.short,
            click=words.url,
            priority=5 if alarm else 3,
            tags="rotating_light" if alarm else "",
        )
        try:
            post(push, private=self._config.private_webhooks)
        except LetterRefusedError as error:
            self._not_taken(row, error)
            return
        except LetterLostError as error:
            _log.warning("letter %s: %s", row.key, error)
            self._later(row, str(error), in_doubt=error.handed)
            return
        with self._ledger.transaction() as db:
            notices.end(db, row.id, NoticeState.SENT, clock.now())
        _log.info("told %s by webhook: %s", row.login, row.key)

    def _not_taken(self, row: NoticeView, error: LetterRefusedError) -> None:
        _log.warning("letter %s was not taken: %s", row.key, error)
        with self._ledger.transaction() as db:
            if error.again:
                notices.try_again(db, row, str(error), clock.now())
            else:
                notices.end(db, row.id, NoticeState.REFUSED, clock.now(), str(error))
