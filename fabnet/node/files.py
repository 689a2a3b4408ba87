"""What has to be on this machine before a print: the plate file, fetched by hash; a checked slice.

Leaves when to prepare what to the agent. Files come over HTTP(S) only, are named by the SHA-256
of what is in them, and are used only when that is so.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from designs.errors import DesignError
from fabnet import node_folder
from fabnet.errors import FileFetchError
from firmware_profiles.errors import FirmwareProfileError
from firmware_profiles.profile import MachinePreset
from printers.errors import SlicingError
from printers.slices import Slice, Slicer, SliceRequest
from printers.slicing import check_slice, timed

_TIMEOUT_S = (5, 60)
_MOST_BYTES = 256 * 1024 * 1024
_BLOCK = 1 << 16


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def signed(node: str, key: Ed25519PrivateKey, path: str) -> dict[str, str]:
    """Return the headers with which this node may GET a path (with its query) from the coordinator."""
    return node_folder.signed(node, key, f"GET {path}".encode())


class FileStore:
    """Files by hash in one folder; fetches what is missing.

    Args:
        url: the coordinator's address, without a path.
        key: signs every request, so that the coordinator knows which node asks.
        ca_file: who signed the coordinator's certificate; "" means a public authority.
    """

    def __init__(
        self, folder: Path, url: str, node: str, key: Ed25519PrivateKey, ca_file: str = ""
    ) -> None:
        self._folder = folder
        self._url = url.rstrip("/")
        self._node = node
        self._key = key
        self._verify = ca_file or True
        folder.mkdir(parents=True, exist_ok=True)

    def fetch(self, sha256: str) -> Path:
        """Return the file of this hash, from the folder or from the coordinator.

        A download that broke off is taken up where it stopped.

        Raises:
            FileFetchError: `again` says whether a later try may work.
        """
        target = self._folder / sha256
        if target.exists() and sha256_of(target) == sha256:
            return target
        part = target.with_suffix(".part")
        self._download(sha256, part)
        if sha256_of(part) != sha256:
            part.unlink()
            raise FileFetchError(sha256, "what came is not what was asked for", again=True)
        part.replace(target)
        return target

    def _download(self, sha256: str, part: Path) -> None:
        path = f"/api/files/{sha256}"
        have = part.stat().st_size if part.exists() else 0
        headers = signed(self._node, self._key, path)
        if have:
            headers["Range"] = f"bytes={have}-"
        try:
            with requests.get(
                self._url + path,
                headers=headers,
                timeout=_TIMEOUT_S,
                stream=True,
                verify=self._verify,
            ) as answer:
                _store(answer, sha256, part, resumed=answer.status_code == requests.codes.partial)
        except requests.RequestException as error:
            raise FileFetchError(
                sha256, f"the coordinator cannot be reached: {error}", again=True
            ) from error
        except OSError as error:
            raise FileFetchError(
                sha256, f"it cannot be written here: {error.strerror}", again=True
            ) from error


def _store(answer: requests.Response, sha256: str, part: Path, *, resumed: bool) -> None:
    status = answer.status_code
    if status == requests.codes.requested_range_not_satisfiable:
        part.unlink(missing_ok=True)
        raise FileFetchError(sha256, "the part that was here is of no use", again=True)
    if status not in (requests.codes.ok, requests.codes.partial):
        temporary = status >= requests.codes.server_error or status == requests.codes.too_many
        raise FileFetchError(sha256, f"the coordinator answered {status}", again=temporary)
    size = part.stat().st_size if resumed else 0
    with part.open("ab" if resumed else "wb") as file:
        for block in answer.iter_content(_BLOCK):
            size += len(block)
            if size > _MOST_BYTES:
                raise FileFetchError(sha256, "it is larger than 256 MiB", again=False)
            file.write(block)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A plate to be made ready for one printer."""

    plate_sha256: str
    mesh_sha256: str
    copies: int
    material: str
    preset: MachinePreset


def fetch_pattern(sha256: str, seconds: float, store: FileStore) -> Slice:
    """Fetch the pattern by which a person makes parts in so many seconds: it takes the G-code's place.

    Raises:
        FileFetchError: it did not come.
    """
    return Slice(
        gcode=store.fetch(sha256), sha256=sha256, key=sha256, seconds=seconds, grams=0.0, layers=0,
        slicer="",
    )  # fmt: skip


def prepare(wanted: Wanted, store: FileStore, slicer: Slicer, folder: Path) -> Slice:
    """Fetch, slice and check one plate.

    The G-code is checked against this printer's own limits, and takes the time that its moves need, whoever
    sliced it.

    Raises:
        FileFetchError: the plate did not come.
        PrinterError: it cannot be sliced here, or the G-code must not run on this printer.
    """
    request = SliceRequest(
        plate=store.fetch(wanted.plate_sha256),
        plate_sha256=wanted.plate_sha256,
        mesh_sha256=wanted.mesh_sha256,
        copies=wanted.copies,
        preset=wanted.preset,
        material=wanted.material,
    )
    try:
        made = slicer.slice(request, folder)
        facts = check_slice(made.gcode, wanted.preset, wanted.material)
    except (DesignError, FirmwareProfileError) as error:
        raise SlicingError(str(error)) from error
    return timed(made, facts)
