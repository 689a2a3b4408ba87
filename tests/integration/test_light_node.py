"""A node runs on a small computer: it imports no geometry, and its wheel holds what it needs."""

import ast
import configparser
import logging
import re
import subprocess
import sys
import time
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.doubles.lone_node import LoneNode
from tests.doubles.sim_printer import SimPrinter

_log = logging.getLogger(__name__)
# Not numpy: sqlite-utils imports it where it happens to be installed; fabnet[node] does not bring it.
HEAVY = ("trimesh", "scipy", "shapely", "manifold3d", "flask", "lxml", "PIL")
#: Flask is made of the first three, requests of the last.
COMES_ALONG = {"itsdangerous", "jinja2", "markupsafe", "werkzeug", "urllib3"}
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


def asked_for(extra):
    """Return the distributions that setup.cfg installs with an extra, by name."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    found, todo = set(), [setup["options"]["install_requires"]]
    todo.append(setup["options.extras_require"][extra])
    while todo:
        for line in todo.pop().split("\n"):
            if own := re.fullmatch(r"fabnet\[(\w+)\]", line.strip()):
                todo.append(setup["options.extras_require"][own[1]])
            elif line.strip():
                found.add(re.match(r"[\w.-]+", line.strip())[0].lower())
    return found


@pytest.mark.parametrize(
    ("extra", "modules"),
    [
        ("coordinator", "fabnet.cli, fabnet.service, fabnet.doctor, designs.mesh"),
        ("node", "fabnet.cli, fabnet.node.opening, fabnet.doctor"),
    ],
)
def test_what_is_imported_is_installed(extra, modules):
    code = (
        f"import sys, {modules}\n"
        "print(*(m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)), sep='\\n')"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout.split("\n")
    ours = [p for p in map(Path, loaded) if p.is_relative_to(ROOT) and ".venv" not in p.parts]
    imported = set()
    for path in ours:
        # What a module imports when it is imported: a command imports more when it is called.
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).split(".")[0])
    distributions = packages_distributions()
    wanted = {name.lower() for each in imported for name in distributions.get(each, ())}
    assert len(ours) > 20
    assert wanted - COMES_ALONG - {"fabnet"} <= asked_for(extra)


@pytest.mark.timeout(400)
def test_four_printers_and_a_print_fit_into_80_mb(tmp_path):
    sims = []
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).mkdir()
        sims.append(SimPrinter(tmp_path / name, "--lines-per-s", "150").start())
    lone = LoneNode(tmp_path, f'port = "{sims[0].port}"')
    more = [
        f'[[printers]]\nid = "p{number}"\npreset = "generic-250x210"\nport = "{sim.port}"\n'
        'material = "PETG"\ngrams = 500.0\n'
        for number, sim in enumerate(sims[1:], 2)
    ]
    lone.file.write_text(lone.file.read_text() + "".join(more))
    lone.start()
    try:
        children = [
            subprocess.Popen(
                [sys.executable, "-m", "fabnet", "node", "test-print", f"p{number}", "--yes",
                 "--config", str(lone.file)],
                stderr=subprocess.DEVNULL,
            )
            for number in range(1, 5)
        ]  # fmt: skip
        most_mb = 0.0
        while any(child.poll() is None for child in children):
            most_mb = max(most_mb, lone.rss_mb())
            time.sleep(0.2)
        assert [child.returncode for child in children] == [0, 0, 0, 0]
        _log.info("a node with four printers that print: %.1f MB", most_mb)
        assert most_mb < 80
    finally:
        lone.stop()
        for sim in sims:
            sim.kill()
