"""How high the parts of a plate file are; for nodes, which have no geometry library."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from designs.errors import DesignError

#: As `designs.plate_file` writes them, a line each.
_VERTEX = re.compile(r'<vertex x="[-0-9.]+" y="[-0-9.]+" z="([-0-9.]+)"/>')
_LONGEST_LINE = 1000


def plate_height_mm(plate: Path) -> float:
    """Return the height of the parts on a plate that we have written, in mm.

    Raises:
        DesignError: it is no such file.
    """
    heights = []
    try:
        with zipfile.ZipFile(plate) as archive, archive.open("3D/3dmodel.model") as raw:
            text = io.TextIOWrapper(raw, encoding="utf-8")
            while line := text.readline(_LONGEST_LINE):
                if found := _VERTEX.match(line):
                    heights.append(float(found.group(1)))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DesignError(f"the plate file cannot be read: {error}") from error
    if not heights:
        raise DesignError("the plate file cannot be read: nothing is in it")
    return max(heights) - min(heights)
