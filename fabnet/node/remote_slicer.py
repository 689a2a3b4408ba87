"""Who slices for this node: PrusaSlicer here, slices made beforehand, or the coordinator.

The coordinator slices with the profile of the printer's preset, which the owner named in node.toml;
its G-code is checked here like any other. Leaves that check to `fabnet.node.files`.
"""

from __future__ import annotations

import logging
import re
import tempfile
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fabnet.config import NodeConfig
from fabnet.errors import FileFetchError
from fabnet.node.files import signed
from printers.errors import NoSlicerError, SlicingError
from printers.ready_slices import ReadySlices
from printers.slices import (
    WORK_PREFIX,
    Figures,
    Slice,
    Slicer,
    SliceRequest,
    keep,
    kept,
    sha256_of,
)
from printers.slicing import find_slicer

_log = logging.getLogger(__name__)

_TIMEOUT_S = (5, 60)
_MOST_BYTES = 512 << 20
_BLOCK = 1 << 16
_KEY = re.compile("[0-9a-f]{64}")


class _Told(msgspec.Struct, kw_only=True):
    """The header beside the G-code."""

    key: str
    figures: Figures


def slicer_for(config: NodeConfig, key: Ed25519PrivateKey) -> Slicer | None:
    """Return who slices, as the owner has laid down; None where she does it herself.

    Raises:
        SlicingError: it is to be this machine, and its slicer cannot be used.
    """
    if config.slicer == "owner":
        return None
    remote = RemoteSlicer(config.coordinator, config.id, key, config.coordinator_ca_file)
    if config.slicer == "coordinator":
        return remote
    try:
        local = find_slicer()
    except SlicingError as error:
        if config.slicer == "local":
            raise
        _log.warning("%s; the coordinator is asked to slice until then", error)
        local = ReadySlices()
    if config.slicer == "auto" and isinstance(local, ReadySlices):
        return _ReadyElseRemote(local, remote)
    return local


class RemoteSlicer:
    """The coordinator as a slicer.

    Args:
        url: the coordinator's address, without a path.
        key: signs every request, so that the coordinator knows which node asks.
        ca_file: who signed the coordinator's certificate; "" means a public authority.
    """

    def __init__(self, url: str, node: str, key: Ed25519PrivateKey, ca_file: str = "") -> None:
        self._url = url.rstrip("/")
        self._node = node
        self._key = key
        self._verify = ca_file or True

    @property
    def name(self) -> str:
        """What stands for name and version, which only a slice tells."""
        return "the coordinator's slicer"

    def slice(self, request: SliceRequest, out: Path) -> Slice:
        """See `Slicer.slice`.

        Raises:
            FileFetchError: not yet; `again` is true.
        """
        query = urlencode({"preset": request.preset.name, "material": request.material})
        path = f"/api/slices/{request.plate_sha256}?{query}"
        try:
            with requests.get(
                self._url + path,
                headers=signed(self._node, self._key, path),
                timeout=_TIMEOUT_S,
                stream=True,
                verify=self._verify,
            ) as answer:
                return self._take(answer, request, out)
        except requests.RequestException as error:
            raise _again(request, f"the coordinator cannot be reached: {error}") from error
        except OSError as error:
            raise _again(request, f"its G-code cannot be kept here: {error.strerror}") from error

    def _take(self, answer: requests.Response, request: SliceRequest, out: Path) -> Slice:
        status = answer.status_code
        if status == requests.codes.accepted:
            raise _again(request, "the coordinator is still slicing it")
        if status >= requests.codes.server_error or status == requests.codes.too_many:
            raise _again(request, f"the coordinator answered {status}")
        if status != requests.codes.ok:
            raise SlicingError(f"the coordinator does not slice this plate: {_sentence(answer)}")
        try:
            told = msgspec.json.decode(answer.headers.get("X-Fabnet-Slice", ""), type=_Told)
        except msgspec.DecodeError as error:
            raise SlicingError("the coordinator's answer is no slice; update fabnet") from error
        if not _KEY.fullmatch(told.key):
            raise SlicingError("the coordinator's answer is no slice; update fabnet")
        there = kept(out, told.key)
        return there or self._download(answer, told, request, out)

    def _download(
        self, answer: requests.Response, told: _Told, request: SliceRequest, out: Path
    ) -> Slice:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=out) as folder:
            gcode = Path(folder) / "plate.gcode"
            size = 0
            with gcode.open("wb") as file:
                for block in answer.iter_content(_BLOCK):
                    size += len(block)
                    if size > _MOST_BYTES:
                        raise SlicingError("the coordinator's G-code is larger than 512 MiB")
                    file.write(block)
            if sha256_of(gcode) != told.figures.sha256:
                raise _again(request, "its G-code came damaged")
            return keep(out, told.key, gcode, told.figures)


class _ReadyElseRemote:
    """A machine without a slicer: slices that come with fabnet where they fit, else the coordinator."""

    def __init__(self, ready: ReadySlices, remote: RemoteSlicer) -> None:
        self._ready = ready
        self._remote = remote

    @property
    def name(self) -> str:
        return f"{self._ready.name}, else {self._remote.name}"

    def slice(self, request: SliceRequest, out: Path) -> Slice:
        try:
            return self._ready.slice(request, out)
        except NoSlicerError:
            return self._remote.slice(request, out)


def _again(request: SliceRequest, why: str) -> FileFetchError:
    return FileFetchError(request.plate_sha256, why, again=True)


def _sentence(answer: requests.Response) -> str:
    """Return the coordinator's reason, or its status where it gives none."""
    try:
        told = msgspec.json.decode(answer.content, type=dict[str, str])
    except msgspec.DecodeError:
        return f"it answered {answer.status_code}"
    return told.get("error", f"it answered {answer.status_code}")
