"""Reads untrusted files in a process of its own, with limits on memory, time and files.

Parsers can be made to use any amount of either. Leaves what is read, and how, to the modules that run in
the child: their `main` begins with `limit()` and prints one line of JSON.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

MEMORY_BYTES = 2 << 30
CPU_S = 60
FILE_BYTES = 256 << 20
OPEN_FILES = 64
_WALL_S = 2 * CPU_S


class ChildError(Exception):
    """The child gave no answer; the message is for a maker."""


def limit() -> None:
    """Limit the process that calls this, for good; the first thing in a child."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def ask(module: str, arguments: tuple[str, ...], folder: Path, wall_s: float = _WALL_S) -> bytes:
    """Run `main()` of a module of ours in a child; return the last line that it printed.

    Args:
        module: "designs.measuring".
        arguments: its `sys.argv[1:]`.
        folder: where it works, and may write.
        wall_s: it is stopped after.

    Raises:
        ChildError: it was stopped at a limit, or failed.
    """
    root = str(Path(__file__).resolve().parent.parent)
    code = f"import sys; sys.path.insert(0, {root!r}); from {module} import main; main()"
    # One thread a library: each would reserve memory of its own, and the limit counts it.
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    where = {"TMPDIR": str(folder.resolve()), "HOME": str(folder.resolve())}
    try:
        child = subprocess.run(
            [sys.executable, "-I", "-c", code, *arguments],
            env={"PATH": os.defpath, **where, **threads},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=wall_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"reading it takes more than {wall_s:g} s: simplify it") from error
    if child.returncode == -signal.SIGXCPU:
        raise ChildError(f"reading it takes more than {CPU_S} s: simplify it")
    lines = child.stdout.splitlines()
    if child.returncode != 0 or not lines:
        last = child.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise ChildError(
            f"it cannot be read ({' '.join(last)[:120] or child.returncode}): export it again"
        )
    return lines[-1]
