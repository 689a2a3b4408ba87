"""A mesh of very many triangles is drawn in seconds."""

import numpy as np
import trimesh

from designs.picture import draw
from tests.unit.designs.test_picture import soup


def test_very_many_triangles_are_drawn():
    ball = soup(trimesh.creation.icosphere(subdivisions=5, radius=10))
    balls = np.concatenate(
        [ball + np.float32([25 * x, 25 * y, 0]) for x in range(4) for y in range(4)]
    )
    assert len(balls) == 327_680
    assert draw(balls).startswith(b"\x89PNG")  # within the time that every test has: some 1 s
