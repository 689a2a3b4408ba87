"""OctoPrint's REST API, as far as a printer needs it: octorest over a session of our own.

octorest 0.4 knows the calls, but no timeouts, no quoting of paths, no upload options and one
`RuntimeError` for all. So it is handed a session that adds the first, checks every answer and
raises our errors; uploads are made here, streamed. Nothing outside this module knows octorest.
"""

from __future__ import annotations

import io
import os
import secrets
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import requests
from octorest import OctoRest

from printers.bounded_http import BoundedAdapter, TooLongError
from printers.errors import BusyPrinterError, OctoPrintError, OctoPrintLostError
from printers.octoprint_job import Job, Line, Login, PastHeat, Readings, Trouble

_T = TypeVar("_T")

#: Seconds to connect and seconds without a byte. A whole answer may take twice the second.
_TIMEOUT_S = (1.5, 4.0)
_UPLOAD_TIMEOUT_S = (1.5, 60.0)
_REDIRECTS = range(300, 400)
#: Nobody answers, or not to the end.
_BROKEN_OFF = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
)
_NO_KEY = {401, 403}
_MOST_WORDS = 200


class _Session(requests.Session):
    """requests, with timeouts, without redirects, with answers checked and errors that are ours."""

    def __init__(self, url: str, api_key: str) -> None:
        super().__init__()
        parts = urlsplit(url)
        self._site = f"{parts.scheme}://{parts.netloc}"
        # Behind a reverse proxy OctoPrint has a path of its own, which octorest cuts off.
        self._prefix = parts.path.rstrip("/")
        self._url = url
        self.headers["X-Api-Key"] = api_key
        # What is packed may be a thousand times as long when it is unpacked.
        self.headers["Accept-Encoding"] = "identity"
        for scheme in ("http://", "https://"):
            self.mount(scheme, BoundedAdapter())
        # A login for the websocket sets some; with them a request would be asked for a CSRF token.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))

    def request(
        self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any
    ) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or _TIMEOUT_S
        # A redirect would carry the key to another address.
        kwargs["allow_redirects"] = False
        kwargs["stream"] = True
        # octorest's addresses lack the path, ours have it.
        rest = str(url).removeprefix(self._url).removeprefix(self._site)
        try:
            answer = super().request(method, self._site + self._prefix + rest, *args, **kwargs)
            with answer:
                if answer.headers.get("Content-Encoding", "identity") != "identity":
                    raise OctoPrintError(
                        self._url, "its answer cannot be read; is this an OctoPrint?"
                    )
                answer.content  # noqa: B018 - it is read here, in its bounds
        except _BROKEN_OFF as error:
            if _has_cause(error, TooLongError):
                raise OctoPrintError(self._url, "its answer does not end") from error
            refused = _has_cause(error, ConnectionRefusedError)
            raise OctoPrintLostError(self._url, refused=refused) from error
        except requests.RequestException as error:
            raise OctoPrintError(self._url, f"it cannot be asked: {error}") from error
        self._check(answer, is_read=str(method).upper() == "GET")
        return answer

    def _check(self, answer: requests.Response, *, is_read: bool) -> None:
        status = answer.status_code
        if status in _NO_KEY:
            why = (
                "it does not accept the API key; make a new one in its settings (Application Keys)"
            )
            raise OctoPrintError(self._url, why, status)
        if status in _REDIRECTS:
            there = answer.headers.get("Location", "another address")
            raise OctoPrintError(self._url, f"it is at {there}; write that address", status)
        if not answer.ok:
            raise OctoPrintError(self._url, _words(answer), status)
        if is_read:
            try:
                answer.json()
            except requests.JSONDecodeError as error:
                why = "something answers there, but it is no OctoPrint"
                raise OctoPrintError(self._url, why, status) from error


class _Webcam(msgspec.Struct):
    snapshotUrl: str | None = None  # noqa: N815 - OctoPrint's word
    streamUrl: str | None = None  # noqa: N815


class _Settings(msgspec.Struct):
    """What is read of OctoPrint's settings."""

    webcam: _Webcam = msgspec.field(default_factory=_Webcam)


class OctoPrintApi:
    """One OctoPrint, asked by REST.

    Every method raises OctoPrintLostError when nobody answers in time, and OctoPrintError when the
    answer is a no.

    Args:
        url: http(s)://host[:port][/path].
        api_key: an application key, or a user's.

    Raises:
        OctoPrintError: this is no address.
    """

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url.rstrip("/")
        self._session = _Session(self.url, api_key)
        try:
            self._rest = OctoRest(url=self.url, session=self._session)
        except TypeError as error:
            raise OctoPrintError(url, "write its address as http://host:port") from error

    def version(self) -> str:
        """Return the server's version: "1.11.8"."""
        answer: dict[str, Any] = self._rest.get_version()
        return str(answer.get("server", ""))

    def login(self) -> Login:
        """Return by which name and session the key's user may listen at the websocket."""
        answer = self._session.post(self.url + "/api/login", json={"passive": True})
        try:
            return self._read(answer.json(), Login)
        except requests.JSONDecodeError as error:
            raise self._unreadable() from error

    def line(self) -> Line:
        """Return how OctoPrint is connected to its printer."""
        answer: dict[str, Any] = self._rest.connection_info()
        try:
            options = answer["options"]
            return Line(
                saved_port=options.get("portPreference"),
                ports=tuple(options.get("ports", ())),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise self._unreadable() from error

    def connect(self) -> None:
        """Let OctoPrint connect to the port that its owner has saved; it answers before it has.

        Without one it would try every port, and reset boards that others are printing with.

        Raises:
            OctoPrintError: none is saved, or it is not there.
        """
        line = self.line()
        port = line.saved_port
        if port in {None, "", "AUTO"}:
            why = (
                "it is not connected to its printer; press Connect there, and let it save the port"
            )
            raise OctoPrintError(self.url, why)
        if port not in line.ports:
            why = f"its printer is not at {port}; is it switched on, and is its cable plugged in?"
            raise OctoPrintError(self.url, why)
        self._rest.connect()

    def job(self) -> Job:
        """Return what is selected, and what becomes of it."""
        return self._read(self._rest.job_info(), Job)

    def refuse_unready(self) -> None:
        """Return if a print may begin.

        Raises:
            BusyPrinterError: something is being printed, ours or not.
            OctoPrintError: it has no printer.
        """
        job = self.job()
        if job.is_busy:
            raise BusyPrinterError(job.title)
        if not job.is_usable:
            raise OctoPrintError(self.url, job.why_unusable)

    def trouble(self) -> Trouble:
        """Return the last error since the last connection or start of a print."""
        return self._read(self._session.get(self.url + "/api/printer/error").json(), Trouble)

    def readings(self) -> Readings:
        """Return the temperatures of now, and the last reading with its time."""
        answer = self._rest.printer(exclude=["state", "sd"], history=True, limit=1)
        return self._read(answer.get("temperature"), Readings)

    def newest(self) -> PastHeat:
        """Return the last reading that is kept."""
        history = self.readings().history
        return history[-1] if history else PastHeat()

    def webcam(self) -> tuple[str, str]:
        """Return the addresses of the camera's snapshot and stream in its settings, "" for none."""
        answer: Any = self._session.get(self.url + "/api/settings").json()
        told = self._read(answer, _Settings).webcam
        return told.snapshotUrl or "", told.streamUrl or ""

    def send(self, *commands: str) -> None:
        """Send G-code commands to the printer."""
        self._rest.gcode(list(commands))

    def select_and_print(self, path: str) -> None:
        """Start to print a stored file. That it was taken is seen in `job` only."""
        self._rest.select("local/" + quote(path), print=True)

    def cancel(self) -> None:
        """Cancel the print that is running, whosever it is."""
        self._rest.cancel()

    def files_in(self, folder: str) -> tuple[str, ...]:
        """Return the paths of the files in a folder, none where there is no such folder."""
        try:
            answer: dict[str, Any] = self._rest.files_info("local", quote(folder))
        except OctoPrintError as error:
            if error.status == requests.codes.not_found:
                return ()
            raise
        children = answer.get("children") or ()
        return tuple(str(each["path"]) for each in children if each.get("type") != "folder")

    def prints(self, path: str) -> bool:
        """Return whether this file is being printed."""
        job = self.job()
        return job.is_busy and job.path == path

    def delete(self, path: str) -> None:
        """Delete a stored file."""
        self._rest.delete("local/" + quote(path))

    def take_back(self, path: str) -> bool:
        """Delete a file that is not to be printed any more; return False where that has begun.

        An order to print it that is still on its way, held up by a proxy or a busy OctoPrint, finds none.
        """
        try:
            self.delete(path)
        except OctoPrintLostError:
            raise
        except OctoPrintError as error:
            return bool(error.status != requests.codes.conflict)
        return True

    def upload(
        self, gcode: Path, folder: str, name: str, *, before: str = "", after: str = ""
    ) -> str:
        """Store a file, streamed from the disk; return the path that OctoPrint gave it.

        `name` has its suffix, and OctoPrint may change it; `before` and `after` are lines around
        the file's own.

        Raises:
            OctoPrintError: also when OctoPrint cannot store it, or the file cannot be read.
        """
        try:
            with gcode.open("rb") as file:
                body = _Form(file, folder, name, before.encode("ascii"), after.encode("ascii"))
                answer = self._session.post(
                    self.url + "/api/files/local",
                    data=body,
                    headers={"Content-Type": body.content_type},
                    timeout=_UPLOAD_TIMEOUT_S,
                )
            return str(answer.json()["files"]["local"]["path"])
        except OSError as error:
            # requests' own errors are OSErrors too, but the session has turned them into ours.
            raise OctoPrintError(self.url, f"{gcode} cannot be read: {error.strerror}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise self._unreadable() from error
        except OctoPrintLostError as error:
            if error.refused:
                raise
            # A full disk makes it break off in mid-upload; a lost one does not answer this either.
            why = f"it broke off the upload; {self._room()}"
            raise OctoPrintError(self.url, why) from error
        except OctoPrintError as error:
            if error.status < requests.codes.server_error and error.status != 413:  # noqa: PLR2004
                raise
            why = f"it could not store the file; {self._room()}"
            raise OctoPrintError(self.url, why, error.status) from error

    def _room(self) -> str:
        answer: dict[str, Any] = self._rest.files("local")
        free = answer.get("free")
        told = f"it says that {free / 1e6:.0f} MB are free" if isinstance(free, int) else ""
        return f"is its disk full? {told}".strip()

    def _read(self, answer: Any, kind: type[_T]) -> _T:
        try:
            return msgspec.convert(answer, kind)
        except msgspec.ValidationError as error:
            raise self._unreadable() from error

    def _unreadable(self) -> OctoPrintError:
        return OctoPrintError(self.url, "its answer cannot be read; is this an OctoPrint?")

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()


class _Form:
    """A multipart form with one file, read as it is sent, so that no file is held in memory.

    http.client reads it block by block; requests takes its length from `__len__`.
    """

    def __init__(self, file: BinaryIO, folder: str, name: str, before: bytes, after: bytes) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        safe = name.replace('"', "%22").replace("\r", " ").replace("\n", " ")
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="path"\r\n\r\n{folder}\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        tail = f"\r\n--{boundary}--\r\n"
        size = os.fstat(file.fileno()).st_size
        first, last = head.encode() + before, after + tail.encode()
        self._parts: list[BinaryIO] = [io.BytesIO(first), file, io.BytesIO(last)]
        self._left = len(first) + size + len(last)

    def __len__(self) -> int:
        return self._left

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, b"" at the end."""
        while self._parts:
            block = self._parts[0].read(size)
            if block:
                return block
            self._parts.pop(0)
        return b""


def _has_cause(error: BaseException, kind: type[BaseException]) -> bool:
    """Return whether an error came of such a one, through all that the libraries put around it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kind):
            return True
        inner = getattr(seen, "reason", None) or (seen.args[0] if seen.args else None)
        seen = seen.__cause__ or (inner if isinstance(inner, BaseException) else seen.__context__)
    return False


def _words(answer: requests.Response) -> str:
    """Return what OctoPrint says in an error."""
    try:
        told = answer.json()
    except requests.JSONDecodeError:
        told = None
    if isinstance(told, dict) and told.get("error"):
        return str(told["error"])[:_MOST_WORDS]
    return f"it answers {answer.status_code} {answer.reason}"
