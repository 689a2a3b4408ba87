"""What is in the archive of an untrusted 3MF file, before its models are read. Runs in a child process only."""

from __future__ import annotations

import zipfile
from urllib.parse import unquote

import lxml.etree

from designs.bodies import RefusedError

#: A project may have five pictures of each of its plates.
_MOST_ZIP_PARTS = 1000
_MOST_UNZIPPED = 128 << 20
_MOST_ZIP_RATIO = 100
#: However well it was packed.
_HARMLESS_UNZIPPED = 4 << 20
#: What Python unpacks; Windows packs large files with Deflate64.
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
ENTITIES = "it defines XML entities, which no 3MF needs: export it again"


def sniff(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse what would grow without bound, or is no part, before an XML parser sees it."""
    entries = archive.infolist()
    unzipped = sum(entry.file_size for entry in entries)
    if len(entries) > _MOST_ZIP_PARTS:
        raise RefusedError(f"its archive has {len(entries)} parts: export the part alone")
    if any(entry.flag_bits & 1 for entry in entries):
        raise RefusedError("its archive is locked with a password: export it without")
    if any(entry.compress_type not in _PACKINGS for entry in entries):
        raise RefusedError("its archive is packed in a way that few read: pack it as a plain ZIP")
    if unzipped > min(_MOST_UNZIPPED, max(_MOST_ZIP_RATIO * size, _HARMLESS_UNZIPPED)):
        raise RefusedError(f"its archive would grow to {unzipped >> 20} MiB: simplify the model")
    names: set[str] = set()
    for entry in entries:
        name = inner(entry.filename)
        if not name.endswith((".model", ".config", ".rels")):
            continue
        if name in names:  # of two that are called alike programs take one or the other
            raise RefusedError(f"two of its objects are called {name[:60]!r}: export it again")
        names.add(name)
        text = archive.read(entry)
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
            raise RefusedError(ENTITIES)


def inner(name: str) -> str:
    """Return a name in the archive, however it is told: they name one another without regard to case."""
    return unquote(name).replace("\\", "/").lstrip("/").lower()


def root_of(archive: zipfile.ZipFile, models: tuple[str, ...]) -> str:
    """Return which model is the plate: the one that the archive's relations start with."""
    rels = next((n for n in archive.namelist() if inner(n) == "_rels/.rels"), "")
    told = ""
    starts = 0
    if rels:
        parser = lxml.etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
        root = lxml.etree.fromstring(archive.read(rels), parser)
        for each in () if root is None else root.iter("{*}Relationship"):
            if each.get("Type", "").endswith("/3dmodel"):
                told = inner(each.get("Target", ""))
                starts += 1
    if starts > 1:
        raise RefusedError("it begins with several models: export it again")
    for name in (told, "3d/3dmodel.model"):
        if name in models:
            return name
    raise RefusedError("it has no 3D/3dmodel.model: export it again")
