"""Pictures of printers for the node's own page, where their owner has switched that on.

Asked by the page's threads, not by the printer's: a camera that hangs holds no print up. Leaves fetching
and cleaning a picture to `printers.camera`.
"""

from __future__ import annotations

import threading
from pathlib import Path

from fabnet.config import NodeConfig
from fabnet.errors import ConfigError
from jobs.errors import NotFoundError, RefusedError
from printers import camera
from printers.errors import PrinterError
from printers.octoprint_api import OctoPrintApi


class Cameras:
    """The cameras of one node; used from any thread.

    Args:
        config: checked; its paths are absolute.

    Raises:
        ConfigError: the key of an OctoPrint cannot be read.
    """

    def __init__(self, config: NodeConfig) -> None:
        self._cameras = {
            printer.id: _Camera(printer.octoprint, _key(printer.api_key_file))
            for printer in config.printers
            if printer.camera
        }

    @property
    def printers(self) -> frozenset[str]:
        """Ids of those that have one to be shown."""
        return frozenset(self._cameras)

    def picture(self, printer: str) -> bytes:
        """Return what it sees, as a JPEG.

        Raises:
            NotFoundError: none is shown of this printer.
            RefusedError: there is no picture now; the message says why.
        """
        if printer not in self._cameras:
            raise NotFoundError("printer", printer)
        return self._cameras[printer].picture()


class _Camera:
    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key
        self._lock = threading.Lock()

    def picture(self) -> bytes:
        # One at a time: a page has few threads, and a camera that hangs must not take all of them.
        if not self._lock.acquire(blocking=False):
            raise RefusedError("Its picture is being fetched already: look again in a moment.")
        try:
            return self._fetch()
        finally:
            self._lock.release()

    def _fetch(self) -> bytes:
        try:
            api = OctoPrintApi(self._url, self._key)
            try:
                return camera.picture(api)
            finally:
                api.close()
        except PrinterError as error:
            raise RefusedError(str(error)) from error


def _key(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(path, "", f"the secret cannot be read: {error.strerror}") from error
