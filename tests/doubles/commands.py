"""The command line, as a person calls it."""

import os
import subprocess
import sys
from pathlib import Path

from fabnet.broker import free_port

ROOT = Path(__file__).parents[2]


def fabnet(*arguments, cwd=ROOT, path=None, seconds=120):
    env = {**os.environ, "PATH": path} if path is not None else None
    return subprocess.run(
        [sys.executable, "-m", "fabnet", *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd, timeout=seconds, check=False, env=env,
    )  # fmt: skip


def one_sentence(answer, *words):
    assert answer.returncode == 1, answer.stderr
    assert "Traceback" not in answer.stderr
    last = answer.stderr.strip().splitlines()[-1]
    assert last.startswith("fabnet: ")
    for word in words:
        assert word in last


def coordinator_file(tmp_path, **lines):
    path = tmp_path / "coordinator.toml"
    values = {"data_dir": '"data"', "port": free_port(), "broker_port": free_port(), **lines}
    path.write_text("".join(f"{key} = {value}\n" for key, value in values.items()))
    return path
