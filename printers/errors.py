"""What can go wrong with a printer, a slice or a G-code file, in a maker's words."""

from __future__ import annotations


class PrinterError(Exception):
    """Base of every error of this folder; the message is a sentence for a maker."""


class PortError(PrinterError):
    """A serial port cannot be opened, or has gone."""

    def __init__(self, port: str, why: str) -> None:
        super().__init__(f"{port}: {why}")
        self.port = port
        self.why = why


class NoAnswerError(PrinterError):
    """Nobody answers on the port, or not as a printer does."""

    def __init__(self, port: str, why: str) -> None:
        super().__init__(f"{port}: {why}")
        self.port = port
        self.why = why


class ForeignMachineError(NoAnswerError):
    """A machine answers that is no 3D printer."""

    def __init__(self, port: str, why: str, says: str) -> None:
        super().__init__(port, f"{why} (it says: {says})")
        self.says = says


class ConnectionChoiceError(PrinterError):
    """It is not said, or said twice, how a printer is connected."""

    def __init__(self) -> None:
        super().__init__(
            "a printer has one way to it: a serial port, an OctoPrint with an API key, or a person"
        )


class BusyPrinterError(PrinterError):
    """The printer is printing already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the printer is still busy with {name}; wait for its end or cancel it")
        self.name = name


class NotSafeError(PrinterError):
    """The heaters could not be confirmed to be off."""

    def __init__(self, port: str) -> None:
        super().__init__(f"{port}: the printer may still be hot: switch it off")
        self.port = port


class GcodeLineError(PrinterError):
    """A line of a G-code file cannot be sent."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"G-code line {line}: {why}")
        self.line = line
        self.why = why


class GcodeRefusedError(PrinterError):
    """A G-code file must not run on this printer."""

    def __init__(self, line: int, why: str) -> None:
        where = f"line {line}: " if line else ""
        super().__init__(f"this G-code is refused: {where}{why}")
        self.line = line
        self.why = why


class OwnGcodeError(PrinterError):
    """G-code that a maker brought cannot be used."""


class DoubtfulGcodeError(OwnGcodeError):
    """G-code that a maker brought may run, and may not be the whole plate."""

    def __init__(self, *, grams: float, estimated_g: float, pieces: int) -> None:
        super().__init__(
            f"this G-code takes {grams:.1f} g, and the plate some {estimated_g:.1f} g: is it all"
            f" {pieces} of the plate's pieces? If it is, say that you are sure"
        )
        self.grams = grams
        self.estimated_g = estimated_g
        self.pieces = pieces


class DoubtfulPiecesError(OwnGcodeError):
    """G-code that a maker brought may run, and does not look like so many pieces."""

    def __init__(self, *, found: int, pieces: int) -> None:
        super().__init__(
            f"this G-code prints {found} separate things, and the plate has {pieces} pieces: are they"
            " all in it? If they are, say that you are sure"
        )
        self.found = found
        self.pieces = pieces


class SlicingError(PrinterError):
    """A plate cannot be sliced here."""


class NoRoomError(SlicingError):
    """This machine has no room for a slice now: no word on the plate, which is asked for again."""


class NoSlicerError(SlicingError):
    """This machine has no slicer that fabnet can use."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"there is no slicer on this machine, {why};"
            " install it with: sudo apt-get install prusa-slicer"
        )
        self.why = why


class OctoPrintError(PrinterError):
    """OctoPrint says no, or what it says cannot be used."""

    def __init__(self, url: str, why: str, status: int = 0) -> None:
        super().__init__(f"OctoPrint at {url}: {why}")
        self.url = url
        self.why = why
        self.status = status  # of HTTP, 0 where there was no answer


class OctoPrintLostError(OctoPrintError):
    """OctoPrint does not answer."""

    def __init__(self, url: str, *, refused: bool) -> None:
        why = (
            "nothing runs at this address; is it started, and is the address right?"
            if refused
            else "it does not answer; is it switched on, and is the network there?"
        )
        super().__init__(url, why)
        self.refused = refused  # its machine answers that no program listens there


class CameraError(PrinterError):
    """A printer's camera has no picture that can be shown."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"The camera of the OctoPrint at {url}: {why}")
        self.url = url
        self.why = why


class SpoolmanError(PrinterError):
    """Spoolman is away, says no, or has a spool that cannot be printed from."""

    def __init__(self, url: str, why: str, status: int = 0) -> None:
        super().__init__(f"Spoolman at {url}: {why}")
        self.url = url
        self.why = why
        self.status = status  # of HTTP, 0 where there was no answer
