"""The gate for model files: what passes is measured, and written anew as a canonical mesh.

Nothing but that canonical mesh ever reaches a slicer or a node. Sniffs first, then lets
`designs.measuring` read the file in a child process with limits. Reads canonical meshes for
others, which needs no such care: this module's child has written them.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from designs.errors import MeshRefusedError
from designs.measuring import CPU_S
from designs.model import PartFacts

MOST_BYTES = 64 << 20
_WALL_S = 2 * CPU_S
_STL_HEADER = 84
_STL_TRIANGLE = 50
_HEAD = 1024

#: What files that are called .stl have been found to be.
_MAGIC = {
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"<!DOC": "a web page",
    b"<html": "a web page",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself",
}


class _Answer(msgspec.Struct, kw_only=True):
    refused: str = ""
    extents_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    volume_mm3: float = 0.0
    side_mm2: float = 0.0
    up_mm2: float = 0.0
    down_mm2: float = 0.0
    triangles: int = 0
    warnings: tuple[str, ...] = ()


def measure(path: Path, out: Path) -> PartFacts:
    """Check a model file (STL, or 3MF with one part) and write the canonical binary STL to `out`.

    The same body gives the same bytes, whatever the file's format, place or order of triangles.

    Raises:
        MeshRefusedError: it cannot be printed as it is; `out` is then left alone.
    """
    kind = _sniff(path)
    try:
        with tempfile.TemporaryDirectory(prefix="fabnet-mesh-", dir=out.parent) as folder:
            mesh = Path(folder) / "mesh.stl"
            answer = _ask_child(path, kind, mesh)
            if answer.refused:
                raise MeshRefusedError(path.name, answer.refused)
            sha256 = hashlib.sha256(mesh.read_bytes()).hexdigest()
            mesh.replace(out)
    except OSError as error:
        raise MeshRefusedError(path.name, f"it cannot be read or kept: {error.strerror}") from error
    return PartFacts(
        mesh_sha256=sha256,
        extents_mm=answer.extents_mm,
        volume_mm3=answer.volume_mm3,
        side_mm2=answer.side_mm2,
        up_mm2=answer.up_mm2,
        down_mm2=answer.down_mm2,
        triangles=answer.triangles,
        warnings=answer.warnings,
    )


def read_canonical(path: Path) -> NDArray[np.float32]:
    """Return the triangles of a mesh that `measure` wrote: shape (n, 3, 3), in mm, lowest corner 0."""
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    data = np.frombuffer(path.read_bytes(), dtype=record, offset=_STL_HEADER)
    corners: NDArray[np.float32] = data["corners"]
    return corners


def _sniff(path: Path) -> str:
    """Return the kind of file, for the loader; refuse what no loader should see."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("stl", "3mf"):
        raise MeshRefusedError(path.name, "only STL and 3MF files can be read: export one of them")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise MeshRefusedError(path.name, f"it cannot be read: {error.strerror}") from error
    if size == 0:
        raise MeshRefusedError(path.name, "it is empty: export it again")
    if size > MOST_BYTES:
        raise MeshRefusedError(
            path.name, f"{size >> 20} MiB are more than {MOST_BYTES >> 20}: simplify the model"
        )
    if kind == "3mf":
        if not head.startswith(b"PK\x03\x04"):
            raise MeshRefusedError(path.name, f"it is no 3MF file{_really(head)}: export it again")
    else:
        _sniff_stl(path.name, size, head)
    return kind


def _sniff_stl(name: str, size: int, head: bytes) -> None:
    told = int.from_bytes(head[80:84], "little") if size >= _STL_HEADER else 0
    if size >= _STL_HEADER and size == _STL_HEADER + _STL_TRIANGLE * told:
        if told == 0:
            raise MeshRefusedError(name, "there is no triangle in it: export it again")
        return
    if head.lstrip()[:5].lower() == b"solid" and b"\0" not in head:
        if b"facet" in head:
            return
        raise MeshRefusedError(name, "there is no triangle in it: export it again")
    really = _really(head)
    if really or size < _STL_HEADER:
        raise MeshRefusedError(name, f"it is no STL file{really}: export it again")
    holds = (size - _STL_HEADER) / _STL_TRIANGLE
    raise MeshRefusedError(
        name,
        f"it says {told} triangles and has room for {holds:.4g}: it was cut short or is broken;"
        " fetch or export it again",
    )


def _really(head: bytes) -> str:
    for magic, name in _MAGIC.items():
        if head.lstrip().startswith(magic):
            return f" but {name}"
    return ""


def _ask_child(path: Path, kind: str, mesh: Path) -> _Answer:
    root = str(Path(__file__).resolve().parent.parent)
    code = f"import sys; sys.path.insert(0, {root!r}); from designs.measuring import main; main()"
    command = [sys.executable, "-I", "-c", code, str(path.resolve()), kind, str(mesh.resolve())]
    # One thread a library: each would reserve memory of its own, and the limit counts it.
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {"PATH": os.defpath, "TMPDIR": str(mesh.resolve().parent), **threads}
    try:
        child = subprocess.run(
            command,
            env=environment,
            cwd=mesh.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_WALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MeshRefusedError(
            path.name, f"reading it takes more than {_WALL_S} s: simplify the model"
        ) from error
    if child.returncode == -signal.SIGXCPU:
        raise MeshRefusedError(
            path.name, f"reading it takes more than {CPU_S} s: simplify the model"
        )
    lines = child.stdout.splitlines()
    if child.returncode != 0 or not lines:
        last = child.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise MeshRefusedError(
            path.name,
            f"it cannot be read ({' '.join(last)[:120] or child.returncode}): export it again",
        )
    try:
        return msgspec.json.decode(lines[-1], type=_Answer)
    except msgspec.DecodeError as error:
        raise MeshRefusedError(path.name, "reading it gave nonsense: export it again") from error
