"""Reads the solids of one untrusted STEP file into bodies of triangles. Runs in a child process only.

cascadio (OpenCASCADE) cuts the surfaces into triangles; it comes with the extra `fabnet[step]`. A surface
is followed to 0.02 mm. Every body of an assembly is a body of its own, where it stands.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from designs.bodies import MOST_TRIANGLES, Body, RefusedError, clean_name

INSTALL = "STEP is read with an extra: pip install 'fabnet[step]'; or export the part as STL or 3MF"
_LINEAR_MM = 0.02
_ANGLE_RAD = 0.2
_MM_PER_M = 1000.0
#: What OpenCASCADE calls a solid that nobody has named.
_NO_NAME = "Open CASCADE STEP translator"


def installed() -> bool:
    """Return whether STEP can be read here."""
    return importlib.util.find_spec("cascadio") is not None


def read_step(source: Path) -> tuple[Body, ...]:
    """Return the bodies of a STEP file, in its order.

    Raises:
        RefusedError: it cannot be read, or nothing here reads STEP.
    """
    if not installed():
        raise RefusedError(INSTALL)
    import cascadio  # noqa: PLC0415  # an extra, 100 MB
    import trimesh  # noqa: PLC0415

    # The child's own folder; the file is deleted with it.
    out = Path("step.glb").resolve()
    try:
        failed = cascadio.step_to_glb(
            str(source), str(out), _LINEAR_MM, _ANGLE_RAD, use_parallel=False
        )
        if failed or not out.is_file():
            raise RefusedError("it cannot be read as STEP: export it again, as AP214 or AP242")
        scene = trimesh.load_scene(out)
    except (ValueError, KeyError, IndexError, TypeError, RuntimeError) as error:
        raise RefusedError(f"it cannot be read as STEP: {str(error)[:100]}") from error
    bodies: list[Body] = []
    total = 0
    # trimesh walks an assembly from its last child to its first.
    for node in reversed(list(scene.graph.nodes_geometry)):
        matrix, name = scene.graph[node]
        shown = scene.geometry[name]
        if not isinstance(shown, trimesh.Trimesh):
            continue
        total += len(shown.faces)
        if total > MOST_TRIANGLES:
            raise RefusedError(
                f"it makes more than {MOST_TRIANGLES} triangles: export a coarser STL"
            )
        placed = trimesh.transform_points(shown.vertices, matrix) * _MM_PER_M
        title = clean_name(str(name))
        if title.startswith(_NO_NAME):
            title = f"{clean_name(source.stem)} {len(bodies) + 1}"
        soup = np.asarray(placed[shown.faces], dtype=np.float64).reshape(-1, 3, 3)
        bodies.append(Body(name=title or clean_name(source.stem), copies=1, soup=soup))
    if not bodies:
        raise RefusedError("there is no solid in it: export the body, not its sketches")
    return tuple(bodies)
