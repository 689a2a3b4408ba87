"""This very fabnet as a file that pip installs: who has only an invitation gets it from who invites her.

A wheel is a ZIP of the packages with a few lines about them. It is made of what runs here, so that a
node is of its coordinator's version, and whoever uses a network over the web has its source, as the
licence wants. Leaves what is installed besides to pip and to PyPI.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).parents[1]
#: All that is fabnet lies side by side.
_PACKAGES = ("designs", "fabnet", "firmware_profiles", "jobs", "printers", "web")
_NOT_OURS = {"__pycache__"}
#: The same bytes for the same code, whenever it is asked for.
_STAMP = (1980, 1, 1, 0, 0, 0)
_ABOUT = "Wheel-Version: 1.0\nGenerator: fabnet\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A file to install."""

    name: str
    data: bytes
    sha256: str

    def install_line(self, url: str, trusted_host: str) -> str:
        """Return what to paste into a terminal: a folder of fabnet's own, with its commands at hand there.

        What is fetched is known by its hash; so a host whose certificate pip does not know may be
        trusted, "" where none has to be.
        """
        trusted = f" --trusted-host {trusted_host}" if trusted_host else ""
        return (
            "python3 -m venv ~/fabnet && . ~/fabnet/bin/activate &&"
            f' pip install{trusted} "fabnet[node] @ {url}#sha256={self.sha256}"'
        )


@functools.cache
def wheel() -> Wheel:
    """Return what runs here as a wheel; made once a process.

    Raises:
        OSError: a file of it cannot be read.
        PackageNotFoundError: fabnet runs here without being installed.
    """
    about = metadata.distribution("fabnet")
    info = f"fabnet-{about.version}.dist-info"
    files = {
        f"{info}/METADATA": (
            about.read_text("METADATA") or about.read_text("PKG-INFO") or ""
        ).encode(),
        f"{info}/WHEEL": _ABOUT.encode(),
        f"{info}/entry_points.txt": (about.read_text("entry_points.txt") or "").encode(),
        f"{info}/licenses/LICENSE": _licence(about),
    }
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*")):
            if path.is_file() and not _NOT_OURS & set(path.parts):
                files[path.relative_to(_ROOT).as_posix()] = path.read_bytes()
    record = f"{info}/RECORD"
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    data = _zipped(files)
    return Wheel(
        name=f"fabnet-{about.version}-py3-none-any.whl",
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _licence(about: metadata.Distribution) -> bytes:
    text = about.read_text("licenses/LICENSE")
    return (_ROOT / "LICENSE").read_bytes() if text is None else text.encode()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _STAMP)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return out.getvalue()
