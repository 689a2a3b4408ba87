"""The command line, as a person calls it.

Each command is a process of its own, with its own folder, environment and output. It is forked from one
that has imported what commands need: so it begins in a twentieth of the time.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fabnet.broker import free_port

ROOT = Path(__file__).parents[2]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "tests.doubles.commands", "pytest", "fabnet.cli", "fabnet.broker_attacks", "fabnet.doctor",
        "fabnet.reports", "fabnet.service", "designs.bundle", "designs.library", "jobs.coordinator.people",
        "web.app",
    ]
)  # fmt: skip


def _run(arguments, cwd, env, files):
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    for number, name in enumerate(files):
        file = os.open(name, os.O_RDWR)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    sys.argv = ["fabnet", *arguments]
    from fabnet.cli import main

    main()


def fabnet(*arguments, cwd=ROOT, said="", seconds=120, **env):
    """Call a command, with what is typed and with changes of the environment."""
    words = [str(each) for each in arguments]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("in", "out", "err")]
        for file, text in zip(files, (said, "", ""), strict=True):
            file.write_text(text, encoding="utf-8")
        names = [str(file) for file in files]
        command = _FORKS.Process(target=_run, args=(words, str(cwd), {**os.environ, **env}, names))
        command.start()
        command.join(seconds)
        if command.exitcode is None:
            command.kill()
            command.join()
            raise subprocess.TimeoutExpired(["fabnet", *words], seconds)
        out, err = (file.read_text(encoding="utf-8") for file in files[1:])
    return subprocess.CompletedProcess(words, command.exitcode, out, err)


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
