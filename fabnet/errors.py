"""What can go wrong when the network is started or run, in the words of who runs it."""

from __future__ import annotations


class FabnetError(Exception):
    """Base of every error of this folder: one sentence that says what to do. Commands exit 1."""


class ConfigError(FabnetError):
    """A configuration file cannot be used."""

    def __init__(self, path: str, field: str, why: str) -> None:
        super().__init__(f"{path}: {field}: {why}" if field else f"{path}: {why}")
        self.path = path
        self.field = field
        self.why = why


class BrokerError(FabnetError):
    """The MQTT broker cannot be found, started or reached."""


class PortTakenError(FabnetError):
    """Another program listens on the port; `key` is what chooses another one."""

    def __init__(self, what: str, host: str, port: int, key: str) -> None:
        super().__init__(
            f"{what} cannot listen on {host}:{port}: another program holds that port."
            f" Stop it, or choose another one with {key}."
        )
        self.host = host
        self.port = port


class WireError(FabnetError):
    """Bytes from the network that are no envelope of ours."""


class JournalError(FabnetError):
    """The node's journal cannot be used as it is."""


class BackupError(FabnetError):
    """A backup cannot be made or put back."""


class SupersededError(FabnetError):
    """Another node speaks in this one's name: its journal was copied, or its keys were."""

    def __init__(self, node: str) -> None:
        super().__init__(
            f"Another node speaks as {node}: this folder was copied, or put back from a copy, and"
            " runs elsewhere. Stop that one, or delete this folder; a lab needs one node."
        )
        self.node = node


class TwinError(FabnetError):
    """Another coordinator has begun after this one, with the same broker and login."""

    def __init__(self) -> None:
        super().__init__(
            "Another coordinator has begun at the same broker after this one, with a copy of its folder"
            " or with its login. This one has ended: both would give out the same work. Stop one of them"
            " for good. When this one is started again, it asks all labs first what they have made."
        )


class JoinError(FabnetError):
    """A node cannot join, or change its password; nothing is lost, the same command goes on."""


class LoginRefusedError(JoinError):
    """The coordinator takes this login not for an account: another one is to be chosen."""


class NodeAwayError(FabnetError):
    """The node that a command is for does not run here."""

    def __init__(self, node: str, folder: str) -> None:
        super().__init__(
            f"The node {node} does not run here, or not with {folder}. Start it with:"
            " fabnet node run; or for good: fabnet node install"
        )
        self.node = node
        self.folder = folder


class NodeSilentError(FabnetError):
    """The node that a command is for runs here, and does not answer.

    Args:
        node: its name.
        process: None where it is not known.
        waited_s: for an answer; 0 where it is known to be suspended, and was not asked.
    """

    def __init__(self, node: str, process: int | None, waited_s: float) -> None:
        who = "" if process is None else f" (process {process})"
        wake = "" if process is None else f": fg in its terminal, or kill -CONT {process}"
        words = f"The node {node} runs here{who}"
        if waited_s:
            words += (
                f", and has not answered for {waited_s:.0f} s. It is suspended, as by Ctrl-Z{wake}; or"
                " this machine is very busy: try again"
            )
        else:
            words += f", but it is suspended, as by Ctrl-Z; nothing was asked of it. Wake it{wake}"
        super().__init__(words)
        self.node = node
        self.process = process
        self.waited_s = waited_s


class NodeRefusedError(FabnetError):
    """The node does not do what was wished; the message says why."""


class TrialError(FabnetError):
    """A test print was not begun, or did not come to its end."""

    def __init__(self, printer: str, why: str) -> None:
        super().__init__(f"No test print on {printer}: {why}")
        self.printer = printer
        self.why = why


class LeavingError(FabnetError):
    """A node cannot leave as it is, or has left."""


class UnitError(FabnetError):
    """The node's service cannot be installed or removed."""


class FileFetchError(FabnetError):
    """A plate file could not be fetched."""

    def __init__(self, sha256: str, why: str, *, again: bool) -> None:
        super().__init__(f"file {sha256[:12]} could not be fetched: {why}")
        self.sha256 = sha256
        self.again = again  # whether it may work later


class MailError(FabnetError):
    """The mail server cannot be used now; letters wait."""


class LetterLostError(FabnetError):
    """The connection ended in the middle of one letter.

    `handed` is whether the server had been given it, and may have taken it.
    """

    def __init__(self, why: str, *, handed: bool) -> None:
        super().__init__(why)
        self.handed = handed


class LetterRefusedError(FabnetError):
    """One letter was not taken.

    `again` is whether its server may take it later.
    """

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again
