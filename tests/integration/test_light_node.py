"""A node runs on a small computer: it imports no geometry, and its wheel holds what it needs."""

import subprocess
import sys
import zipfile
from pathlib import Path

# Not numpy: sqlite-utils imports it where it happens to be installed; fabnet[node] does not bring it.
HEAVY = ("trimesh", "scipy", "shapely", "manifold3d", "flask", "lxml", "PIL")
ROOT = Path(__file__).parents[2]


def test_a_node_imports_no_geometry_and_no_web():
    code = (
        "import sys, fabnet.cli, fabnet.node.agent\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_the_wheel_holds_every_data_file_of_the_six_folders_and_nothing_else(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    folders = ("fabnet", "web", "jobs", "printers", "designs", "firmware_profiles")
    assert {name.split("/")[0] for name in held} == set(folders)
    tracked = subprocess.run(
        ["git", "ls-files", *folders], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout.split()
    left_out = {name for name in tracked if name not in held and not name.endswith(".cfg")}
    assert left_out == set()
