"""Who has only an invitation: fabnet itself, from the network that invites."""

import hashlib
import html
import os
import re
import subprocess
import sys
import zipfile
from io import BytesIO

import pytest

from tests.doubles.pages import Site
from web.own_code import wheel


def line_to_paste(site):
    page = site.person("steward").send("/members/invite", at="/members", lab="Atelier").text
    link = re.search(r'value="https://fabnet.example(/join/[\w-]+)"', page)[1]
    shown = site.person().get(f"{link}?with=computer").text
    return html.unescape(re.search(r'<textarea id="install"[^>]*>([^<]*)<', shown)[1])


@pytest.mark.parametrize(("pin", "trusts"), [("web", False), ("A" * 43, True)])
def test_the_line_to_paste_names_the_file_and_its_hash(world, hashed, pin, trusts):
    site = Site(world, hashed, pin=pin)
    line = line_to_paste(site)
    found = re.search(
        r'"fabnet\[node\] @ https://fabnet\.example(/code/[\w.-]+)#sha256=(\w{64})"', line
    )
    answer = site.person().get(found[1])
    assert answer.status_code == 200
    assert hashlib.sha256(answer.data).hexdigest() == found[2]
    assert ("--trusted-host fabnet.example" in line) == trusts
    again = site.person().get(found[1], headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_another_file_of_that_place_is_none(world, hashed):
    assert (
        Site(world, hashed).person().get("/code/fabnet-0.0.1-py3-none-any.whl").status_code == 404
    )


def test_it_holds_the_code_its_licence_and_nothing_that_is_made_here():
    names = zipfile.ZipFile(BytesIO(wheel().data)).namelist()
    assert {"fabnet/cli/node.py", "printers/octoprint_driver.py", "web/static/fabnet.css"} <= {
        *names
    }
    assert [n for n in names if "__pycache__" in n or n.startswith(("tests", "/", ".."))] == []
    assert any(n.endswith("licenses/LICENSE") for n in names)
    assert wheel.__wrapped__() == wheel(), "the same code is the same file"


def test_pip_installs_it_and_its_command_runs(tmp_path):
    file = tmp_path / wheel().name
    file.write_bytes(wheel().data)
    into = tmp_path / "there"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-compile",
    ]
    subprocess.run([*pip, "--target", str(into), f"fabnet[node] @ {file.as_uri()}#sha256={wheel().sha256}"],
                   check=True, timeout=100)  # fmt: skip
    # Run away from the source, so that what was installed is what runs.
    code = "import web, fabnet.cli; print(web.__file__, flush=True); fabnet.cli.main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "node", "--help"],
        capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(into)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(into))
    assert "join" in done.stdout
