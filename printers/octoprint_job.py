"""What OctoPrint says of itself, and what it means for a print of ours. Pure.

The strings are those of OctoPrint 1.11's `MachineCom.getStateString` and its error reasons.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

from printers.model import PrintResult

HOT = "The printer may still be hot: switch it off."
_ALL = 100.0
#: A print that was asked for and is not there after so long was never begun.
_START_S = 10.0
_GLUED_OK = re.compile(r" - ok(?: .*)?$")
#: Of OctoPrint's reasons for errors those that tell of the printer; the others tell of the line.
_PRINTERS_FAULTS = frozenset({"firmware", "resend", "resend_loop", "start_print"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """One heater, in degrees C; None where OctoPrint has no reading yet."""

    actual: float | None = None
    target: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """One reading of the heaters."""

    tool0: Temperature = Temperature()
    bed: Temperature = Temperature()

    @property
    def is_off(self) -> bool:
        """Whether every heater's target is 0."""
        return self.tool0.target == 0 and self.bed.target in {0, None}


@dataclass(frozen=True, slots=True, kw_only=True)
class PastHeat(Heat):
    """A reading in the past."""

    time: float = 0.0  # seconds since 1970 by OctoPrint's own clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings(Heat):
    """The reading of now, and those that are kept, the newest last."""

    history: tuple[PastHeat, ...] = ()


def spoken(error: str) -> str:
    """Return an error as the printer said it: OctoPrint puts the next line behind it, mostly an ok."""
    return _GLUED_OK.sub("", error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The last error since OctoPrint connected or began a print."""

    error: str = ""
    reason: str = ""  # OctoPrint's word: firmware, timeout, resend_loop, connection, ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """By which OctoPrint's websocket knows who listens."""

    name: str
    session: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """OctoPrint's connection to its printer."""

    saved_port: str | None  # that it connects to when it is told no other
    ports: tuple[str, ...]  # that are there now


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """The file that is selected in OctoPrint; all None when none is."""

    path: str | None = None
    display: str | None = None
    origin: str | None = None  # local or sdcard
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """How far it is; all None when nothing is, or it was stopped."""

    completion: float | None = None  # 0..100
    filepos: int | None = None
    printTime: float | None = None  # noqa: N815 - OctoPrint's word; seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """What is selected."""

    file: JobFile


class Doing(enum.Enum):
    """What OctoPrint's word for its state means to us."""

    READY = enum.auto()
    WORKING = enum.auto()
    PAUSED = enum.auto()
    CONNECTING = enum.auto()
    OFFLINE = enum.auto()


#: By the first word: "Printing from SD" is work too. Every other word is some kind of offline.
_WORDS = {
    "Operational": Doing.READY,
    "Starting": Doing.WORKING,
    "Printing": Doing.WORKING,
    "Resuming": Doing.WORKING,
    "Cancelling": Doing.WORKING,
    "Finishing": Doing.WORKING,
    "Sending": Doing.WORKING,
    "Transferring": Doing.WORKING,
    "Pausing": Doing.PAUSED,
    "Paused": Doing.PAUSED,
    "Opening": Doing.CONNECTING,
    "Detecting": Doing.CONNECTING,
    "Connecting": Doing.CONNECTING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What OctoPrint is doing."""

    state: str
    job: JobFacts
    progress: JobProgress
    error: str = ""

    @property
    def doing(self) -> Doing:
        """What its word for its state means."""
        return _WORDS.get(self.state.partition(" ")[0], Doing.OFFLINE)

    @property
    def is_busy(self) -> bool:
        """Whether a print is running or paused, ours or not."""
        return self.doing in {Doing.WORKING, Doing.PAUSED}

    @property
    def is_usable(self) -> bool:
        """Whether OctoPrint has its printer."""
        return self.is_busy or self.doing is Doing.READY

    @property
    def is_stopped_by_hand(self) -> bool:
        """Whether an emergency stop has let OctoPrint go of its line: a person connects it again."""
        return self.doing is Doing.OFFLINE and "M112" in self.error

    @property
    def path(self) -> str | None:
        """Of the selected file in OctoPrint's own storage, None for one on the printer's card."""
        return self.job.file.path if self.job.file.origin == "local" else None

    @property
    def title(self) -> str:
        """The selected file as a person knows it."""
        return self.job.file.display or self.job.file.path or "a print of its own"

    @property
    def is_complete(self) -> bool:
        """Whether all of the selected file was printed, and nothing since."""
        done = self.progress.completion is not None and self.progress.completion >= _ALL
        return self.doing is Doing.READY and done

    @property
    def printed(self) -> str:
        """Names the print that was the last one there; "" while one runs, and where nothing is selected.

        The same file printed anew took another time; a file that was only selected is named too.
        """
        file, took_s = self.job.file, self.progress.printTime
        if self.doing is not Doing.READY or file.path is None:
            return ""
        return f"{file.origin}:{file.path} {'' if took_s is None else round(took_s)}".strip()

    @property
    def fraction(self) -> float | None:
        """Of the file that was printed, 0..1."""
        if self.progress.filepos is not None and self.job.file.size:
            return min(1.0, self.progress.filepos / self.job.file.size)
        return None

    @property
    def why_unusable(self) -> str:
        """What a maker can do while OctoPrint has no printer."""
        if self.doing is Doing.CONNECTING:
            return "it is still connecting to its printer; is that switched on?"
        if self.error:
            said = spoken(self.error).strip(" :")
            return f"it lost its printer ({said}); look at the printer, then press Connect there"
        return "it is not connected to its printer; press Connect there"


@dataclass(slots=True, kw_only=True)
class OwnPrint:
    """The print that we started."""

    name: str
    path: str  # in OctoPrint's storage
    since_s: float
    seen: bool = False  # OctoPrint was seen printing it
    cancelled: bool = False  # by us
    never_began: bool = False  # OctoPrint was asked to print it, and did not
    #: Whether OctoPrint has said that the printer was reset; None where nobody listens to it.
    reset: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a print of ours ended."""

    result: PrintResult
    reason: str  # "" when done
    never_began: bool = False
    halted: bool = False  # the printer's firmware has stopped


def judge(own: OwnPrint, job: Job, trouble: Trouble, now_s: float) -> Verdict | None:
    """Return how our print ended, None while it goes on or may still begin.

    `trouble` need not be asked for while the job is busy. `now_s` is of the clock of `own.since_s`.
    """
    ours = job.path == own.path
    if job.is_busy:
        if ours:
            return None
        why = f"OctoPrint prints {job.title} now; nobody saw how this print ended"
        return Verdict(result=PrintResult.INTERRUPTED, reason=why)
    if ours and job.is_complete:
        return Verdict(result=PrintResult.DONE, reason="")
    if job.doing is Doing.READY and not own.seen:
        if now_s <= own.since_s + _START_S:
            return None
        why = "OctoPrint did not start the print; look at its page"
        return Verdict(result=PrintResult.FAILED, reason=why, never_began=True)
    if job.doing is Doing.READY and ours:
        return _stopped(own, trouble)
    if job.doing is Doing.READY:
        why = "OctoPrint was restarted, or another file was chosen in it, during the print"
        return Verdict(result=PrintResult.INTERRUPTED, reason=why)
    # OctoPrint keeps an older error until it connects again; only that of this end counts.
    if trouble.reason in _PRINTERS_FAULTS and trouble.error == job.error:
        said = f"the printer says: {spoken(trouble.error)}"
        return Verdict(result=PrintResult.FAILED, reason=said, halted=True)
    said = f" ({job.error.strip(' :')})" if job.error else ""
    why = f"OctoPrint lost the line to the printer{said}. {HOT}"
    return Verdict(result=PrintResult.INTERRUPTED, reason=why)


def _stopped(own: OwnPrint, trouble: Trouble) -> Verdict:
    """Our file was being printed, is still selected, and was not finished."""
    if own.cancelled:
        return Verdict(result=PrintResult.CANCELLED, reason="cancelled")
    if trouble.error:
        said = f"the printer says: {spoken(trouble.error)}"
        return Verdict(result=PrintResult.FAILED, reason=said)
    if own.reset:
        why = f"the printer was reset or lost its power during the print. {HOT}"
        return Verdict(result=PrintResult.INTERRUPTED, reason=why)
    if own.reset is False:
        return Verdict(result=PrintResult.CANCELLED, reason="somebody cancelled it at OctoPrint")
    # By its answers alone OctoPrint does not tell the two apart.
    why = "it was stopped at OctoPrint: somebody cancelled it there, or the printer was reset"
    return Verdict(result=PrintResult.CANCELLED, reason=why)
