"""What a printer has told of itself in one dialogue, beside its answers to lines. Pure."""

from __future__ import annotations

from collections import deque

from printers.gcode_answer import Answer, Kind
from printers.gcode_line import Temperatures, Thermometer


class Said:
    """Its name, what it can, how hot it is, and what it asks of the host."""

    def __init__(self) -> None:
        self._thermometer = Thermometer()
        self.held = False  # the printer, or who stands there, asked the host to wait
        self.stop_asked = ""  # the word by which it asked the host to stop, "" while it has not
        self.heard: deque[str] = deque(maxlen=200)
        self.identity: dict[str, str] = {}
        self.caps: dict[str, bool] = {}

    @property
    def temperatures(self) -> Temperatures | None:
        """The last report that can be believed."""
        return self._thermometer.told

    def forget_temperatures(self) -> None:
        """Wait for a new report."""
        self._thermometer = Thermometer()

    def _keep(self, answer: Answer, now_s: float, *, printing: bool) -> bool:
        """Keep what a line tells; return whether it is a report of temperatures that is believed."""
        match answer.kind:
            case Kind.CAP if answer.cap is not None:
                self.caps[answer.cap[0]] = answer.cap[1]
            case Kind.HOLD:
                self.held = printing
            case Kind.GO_ON:
                self.held = False
            case Kind.STOP:
                self.stop_asked = answer.text
            case Kind.TEXT | Kind.ERROR:
                self.heard.append(answer.text)
            case _:
                pass
        self.identity = answer.identity or self.identity
        if answer.temperatures is not None:
            return self._thermometer.hear(answer.temperatures, now_s)
        if answer.kind is Kind.OK and answer.text:
            self.heard.append(answer.text)
        return False
