"""The small pictures in a plate file, for the screens of printers; for nodes, which have no geometry library.

What is read came from elsewhere and goes into a file for a printer, so only a plain picture is taken that is
whole, of the size that it has to be, and nothing besides. Leaves drawing them to `designs.plate_view`.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from designs.errors import DesignError

#: By their names in the file, in the order in which they stand in G-code: OctoPrint's plugin shows the last
#: one. In PrusaSlicer 2.5 the bundles of our presets ask for these sizes or none: PrusaResearch.ini for the
#: MINI, Anycubic.ini, Elegoo.ini ("thumbnails = 16x16,220x124"). Since its firmware 5.1 the MINI reads QOI
#: only (Prusa-Firmware-Buddy#3688), of the same sizes. The last has the name of a 3MF's own.
PICTURES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "Metadata/thumbnail_16x16.qoi": (16, 16),
        "Metadata/thumbnail_220x124.qoi": (220, 124),
        "Metadata/thumbnail_16x16.png": (16, 16),
        "Metadata/thumbnail.png": (220, 124),
    }
)

#: Ours take up to 30 kB; no picture of these sizes needs more.
_MOST_BYTES = 64 << 10
#: Of a plate file's archive and its directory; ours have no more.
_MOST_ENTRIES, _MOST_DIRECTORY_BYTES = 16, 4096
_END = struct.Struct("<4s4H2LH")  # of an archive, without a remark
_LOCATOR_BYTES = 20  # before it, in archives of more than 4 GB
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Eight bits each of red, green, blue and what shines through; not interlaced. As screens read it, whose
#: decoders know no palettes.
_KIND = bytes((8, 6, 0, 0, 0))
_PIXEL_BYTES = 4
_FILTERS = 5
_LEAST_CHUNK_BYTES = 12

#: https://qoiformat.org: how it begins and ends, four channels in the colours of screens, and its codes.
_QOI_BEGINS, _QOI_KIND, _QOI_ENDS = b"qoif", bytes((4, 0)), bytes(7) + b"\x01"
_QOI_RGB, _QOI_RGBA, _QOI_LUMA, _QOI_RUN = 0xFE, 0xFF, 0x80, 0xC0


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture of a plate."""

    size: tuple[int, int]  # width and height in pixels
    data: bytes
    kind: str  # "PNG" or "QOI"


def pictures_in(plate: Path) -> tuple[Picture, ...]:
    """Return the pictures of a plate file in the order of `PICTURES`; none of one without.

    Raises:
        DesignError: the file cannot be read, or what stands in a picture's place is no such picture.
    """
    try:
        _check_directory(plate)
        with zipfile.ZipFile(plate) as archive:
            found = {name: _read(archive, name) for name in PICTURES if name in archive.namelist()}
    except (OSError, EOFError, RuntimeError, ValueError, struct.error) as error:
        raise DesignError(f"the plate file cannot be read: {error}") from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise DesignError(f"the plate file cannot be read: {error}") from error
    for name, data in found.items():
        if why := _CHECKS[_kind(name)](data, PICTURES[name]):
            raise DesignError(f"the plate file cannot be read: {name} is no picture, {why}")
    return tuple(
        Picture(size=PICTURES[name], data=data, kind=_kind(name)) for name, data in found.items()
    )


def _kind(name: str) -> str:
    return name.rpartition(".")[2].upper()


def _check_directory(plate: Path) -> None:
    """Look how long the list of an archive's files is, before it is read.

    Raises:
        ValueError: it has another end than ours have, or tells of more.
    """
    with plate.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(max(0, length - _END.size - _LOCATOR_BYTES))
        tail = file.read()
    end, locator = tail[-_END.size :], tail[: -_END.size]
    magic, _, _, _, entries, directory_bytes, _, _ = _END.unpack(end)
    if magic != b"PK\x05\x06" or locator.startswith(b"PK\x06\x07"):
        raise ValueError("it does not end as a plate file does")
    if entries > _MOST_ENTRIES or directory_bytes > _MOST_DIRECTORY_BYTES:
        raise ValueError("it holds more than a plate file does")


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    entry = archive.getinfo(name)
    if entry.flag_bits & 1 or entry.compress_type not in _PACKINGS:
        raise ValueError(f"{name} is packed in another way than ours are")
    with archive.open(entry) as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"{name} is larger than {_MOST_BYTES >> 10} kB")
    return data


def why_no_png(data: bytes, size: tuple[int, int]) -> str:
    """Return why these bytes are no plain PNG of this size, "" where they are one.

    Nothing else may be in it: no text, no second picture, nothing behind its end, no pixel more.
    """
    if not data.startswith(_SIGNATURE):
        return "it does not begin as a PNG"
    packed = bytearray()
    kinds = []
    try:
        for kind, body in _chunks(data):
            if kind == b"IHDR" and body != struct.pack(">2L", *size) + _KIND:
                return "it is of another size or kind"
            if kind == b"IDAT":
                packed += body
            kinds.append(kind)
    except ValueError as error:
        return str(error)
    middle = kinds[1:-1]
    if kinds[:1] != [b"IHDR"] or kinds[-1:] != [b"IEND"] or set(middle) != {b"IDAT"}:
        return "there is more or less in it than a picture"
    return _why_no_pixels(bytes(packed), size)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Go through a PNG.

    Raises:
        ValueError: it is cut short or damaged.
    """
    at = len(_SIGNATURE)
    while at < len(data):
        if at + _LEAST_CHUNK_BYTES > len(data):
            raise ValueError("it is cut short")
        (length,) = struct.unpack_from(">L", data, at)
        ends = at + _LEAST_CHUNK_BYTES + length
        if ends > len(data):
            raise ValueError("it is cut short")
        kind, body = data[at + 4 : at + 8], data[at + 8 : ends - 4]
        if struct.unpack_from(">L", data, ends - 4) != (zlib.crc32(kind + body),):
            raise ValueError("it is damaged")
        if kind == b"IEND" and body:
            raise ValueError("something stands in its end")
        yield kind, body
        at = ends


def _why_no_pixels(packed: bytes, size: tuple[int, int]) -> str:
    width, height = size
    row = 1 + width * _PIXEL_BYTES
    unpack = zlib.decompressobj()
    try:
        pixels = unpack.decompress(packed, height * row + 1)
    except zlib.error:
        return "its pixels cannot be unpacked"
    if len(pixels) != height * row or not unpack.eof or unpack.unused_data:
        return "it has not as many pixels as its size says"
    if max(pixels[::row]) >= _FILTERS:
        return "its rows cannot be read"
    return ""


def why_no_qoi(data: bytes, size: tuple[int, int]) -> str:
    """Return why these bytes are no QOI of this size, "" where they are one, and nothing besides."""
    begins = _QOI_BEGINS + struct.pack(">2L", *size) + _QOI_KIND
    if not data.startswith(begins) or not data.endswith(_QOI_ENDS):
        return "it is no QOI of this size"
    at, ends, left = len(begins), len(data) - len(_QOI_ENDS), size[0] * size[1]
    while at < ends and left > 0:
        code = data[at]
        pixels, length = 1, 1
        if code in (_QOI_RGB, _QOI_RGBA):
            length = 4 if code == _QOI_RGB else 5
        elif code >= _QOI_RUN:
            pixels = code - _QOI_RUN + 1
        elif code >= _QOI_LUMA:
            length = 2
        at, left = at + length, left - pixels
    return "" if at == ends and left == 0 else "it has not as many pixels as its size says"


_CHECKS = {"PNG": why_no_png, "QOI": why_no_qoi}
