"""The node as a service of systemd: it runs from the machine's start on, and comes back when it ends.

The text of the unit is decided by facts alone; around it are the few calls of systemctl. Leaves words
for people to the command line.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fabnet.config import NodeConfig
from fabnet.errors import UnitError

_WAIT_S = 60
#: What systemd ends with for a program: it may not be started; its view of the disk cannot be made.
_NO_PROGRAM, _NO_ROOM = 203, 226
#: Whose members may open serial ports, where there is such a group.
_PORTS = "dialout"

#: For a unit of one's own: what needs no power over the machine.
_CAREFUL = """\
NoNewPrivileges=true
LockPersonality=true
RestrictRealtime=true
RestrictSUIDSGID=true
SystemCallArchitectures=native
UMask=0077
"""
#: For a unit of the machine: the whole disk can be read only, but for the node's own folders.
_SHUT_IN = """\
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=true
ProtectControlGroups=true
ProtectKernelModules=true
ProtectKernelTunables=true
RestrictNamespaces=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
CapabilityBoundingSet=
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One service: where its file lies, and whose it is."""

    name: str  # "fabnet-node-lab-nord.service"
    path: Path
    system: bool  # of the machine, else of the user who calls

    def systemctl(self, *words: str) -> tuple[str, ...]:
        """Return a call of systemctl, as a person would type it too."""
        return ("systemctl", *(() if self.system else ("--user",)), *words)


def unit_of(node: str, *, system: bool) -> Unit:
    """Return the service of a node."""
    name = f"fabnet-node-{node}.service"
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    folder = Path("/etc/systemd/system") if system else own
    return Unit(name=name, path=folder / name, system=system)


def text_of(
    config: NodeConfig,
    file: Path,
    program: Sequence[str],
    *,
    user: str = "",
    groups: Sequence[str] = (),
) -> str:
    """Return the unit's text. Pure.

    Args:
        config: of the node; its paths are absolute.
        file: its node.toml, absolute.
        program: how fabnet is called, absolute.
        user: who runs it, for a unit of the machine; "" for a unit of the user's own.
        groups: whose rights it needs besides, for a unit of the machine.

    Raises:
        UnitError: fabnet lies in a folder that systemd cannot start anything from.
    """
    if set(program[0]) & set('"\\'):
        raise UnitError(f"systemd starts nothing from a folder of this name: {program[0]}")
    words = (*program[1:], "node", "run", str(file))
    # Of the program itself systemd reads no variables, so a $ in it stands for itself.
    start = " ".join([_quoted(program[0]), *(_quoted(word).replace("$", "$$") for word in words)])
    lines = [
        "[Unit]",
        f"Description=fabnet node {config.id}",
        # It tries again as long as it takes: a printer or a network may come back after days.
        "StartLimitIntervalSec=0",
    ]
    if user:
        # Not network-online.target: without a network it would keep the node waiting for minutes,
        # and the node needs none to go on with what it was granted.
        lines.append("After=network.target")
    lines += ["", "[Service]"]
    if user:
        lines.append(f"User={user}")
    if user and groups:
        lines.append(f"SupplementaryGroups={' '.join(groups)}")
    lines += [f"ExecStart={start}", "Restart=always", "RestartSec=5", "TimeoutStopSec=30"]
    lines += _CAREFUL.splitlines()
    if user:
        folders = [str(file.parent)]
        if not Path(config.data_dir).is_relative_to(file.parent):
            folders.append(f"-{config.data_dir}")  # it may be made by the first start only
        lines += _SHUT_IN.splitlines()
        lines.append(f"ReadWritePaths={' '.join(map(_quoted, folders))}")
    lines += ["", "[Install]", f"WantedBy={'multi-user.target' if user else 'default.target'}"]
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    """Return a word as systemd reads it back, spaces and % in it."""
    for mark, told in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        word = word.replace(mark, told)
    return f'"{word}"'


def text_here(config: NodeConfig, file: Path, unit: Unit) -> str:
    """Return the unit's text for this machine.

    Raises:
        UnitError: the node's folder belongs to root, who should not run it, or to nobody.
    """
    file = file.resolve()
    if not unit.system:
        return text_of(config, file, program())
    uid = file.stat().st_uid
    user = next((each.pw_name for each in pwd.getpwall() if each.pw_uid == uid), "")
    if uid == 0 or not user:
        raise UnitError(
            f"{file} belongs to {'root' if uid == 0 else 'nobody'}: a node runs as a user without power"
            " over the machine. Give its folder to one:"
            f" sudo chown -R fabnet: {file.parent}"
        )
    groups = [group.gr_name for group in grp.getgrall() if group.gr_name == _PORTS]
    return text_of(config, file, program(), user=user, groups=groups)


def program() -> tuple[str, ...]:
    """Return how this very fabnet is called, whatever the folder: of pipx, of a venv, of a system."""
    beside = Path(sys.executable).parent / "fabnet"
    # -P: a folder `web` or `jobs` where the service starts must not be taken for ours.
    return (str(beside),) if beside.exists() else (sys.executable, "-P", "-m", "fabnet")


def has_systemd() -> bool:
    """Whether this machine has systemd at all."""
    return shutil.which("systemctl") is not None


def reachable(unit: Unit) -> bool:
    """Whether the systemd that is to run this service answers here and now."""
    if unit.system and not Path("/run/systemd/system").is_dir():
        return False
    return _call(unit.systemctl("show-environment")).returncode == 0


def is_active(unit: Unit) -> bool:
    """Whether the service runs."""
    return _call(unit.systemctl("is-active", "--quiet", unit.name)).returncode == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How the start of a service goes, as systemd tells it."""

    restarts: int  # it ended so often by itself
    status: int  # with which it ended last


def start_of(unit: Unit) -> Start | None:
    """Return how its start goes; None where systemd does not say."""
    done = _call(unit.systemctl("show", "--property=NRestarts,ExecMainStatus", unit.name))
    told = dict(line.partition("=")[::2] for line in done.stdout.split())
    try:
        return Start(restarts=int(told["NRestarts"]), status=int(told["ExecMainStatus"]))
    except (KeyError, ValueError):
        return None


def why_not(start: Start) -> str:
    """Return why a service that was started does not run, in words. Pure."""
    if start.status == _NO_PROGRAM:
        return (
            "systemd cannot start its program: the folder's owner may not read it, or the Python behind"
            " it. Install fabnet where everybody may read, as in /opt, with the system's own Python"
        )
    if start.status == _NO_ROOM:
        return "systemd cannot give it its folders: is node.toml on a disk of this machine?"
    return "it ends again at once"


def write(unit: Unit, text: str) -> bool:
    """Write the unit's file; return whether it is another one than before.

    Raises:
        UnitError: it cannot be written.
    """
    try:
        if unit.path.exists() and unit.path.read_text(encoding="utf-8") == text:
            return False
        unit.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = unit.path.with_name(unit.path.name + ".part")
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o644)
        fresh.replace(unit.path)
    except OSError as error:
        why = f"{unit.path} cannot be written: {error.strerror}"
        raise UnitError(why + ("; it needs sudo" if unit.system else "")) from error
    return True


def enable(unit: Unit, *, start: bool) -> None:
    """Let it run from every start of the machine on, and from now.

    Raises:
        UnitError: systemd refuses.
    """
    _do(unit.systemctl("daemon-reload"))
    _do(unit.systemctl("enable", *(("--now",) if start else ()), unit.name))


def lingers(user: str) -> bool:
    """Let this user's services run without anybody signed in; return whether they do."""
    if not (Path("/var/lib/systemd/linger") / user).exists():
        _call(("loginctl", "--no-ask-password", "enable-linger", user))
    return (Path("/var/lib/systemd/linger") / user).exists()


def remove(unit: Unit) -> bool:
    """Stop the service, and delete its file; return whether systemd was there to stop it.

    Raises:
        UnitError: systemd refuses, or the file cannot be deleted.
    """
    there = reachable(unit)
    if there and unit.path.exists():
        _do(unit.systemctl("disable", "--now", unit.name))
    target = "multi-user.target.wants" if unit.system else "default.target.wants"
    try:
        (unit.path.parent / target / unit.name).unlink(missing_ok=True)
        unit.path.unlink(missing_ok=True)
    except OSError as error:
        raise UnitError(f"{unit.path} cannot be deleted: {error.strerror}") from error
    if there:
        _do(unit.systemctl("daemon-reload"))
    return there


def _do(words: Sequence[str]) -> None:
    done = _call(words)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UnitError(
            f"{' '.join(words)}: {said[-1] if said else f'it ended with {done.returncode}'}"
        )


def _call(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # Who came by `sudo -u` or `su` has a session of systemd, and was not told where.
    home = f"/run/user/{os.geteuid()}"
    told = {"XDG_RUNTIME_DIR": home} if Path(home).is_dir() else {}
    environment = {**told, **os.environ}
    try:
        return subprocess.run(
            words, capture_output=True, text=True, timeout=_WAIT_S, check=False, env=environment,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(words, 1, "", str(error))
