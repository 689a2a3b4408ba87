"""Looking for a lab's printers: what is asked at which port, and what a person reads of it meanwhile."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fabnet.cli.common import say
from fabnet.cli.language import gettext
from fabnet.cli.said_below import in_language
from fabnet.config import NodeConfig

if TYPE_CHECKING:
    from printers.discover import FoundPort
    from printers.recognise import SeenOctoPrint

_MDNS_S = 3.0


def search(
    config: NodeConfig, extra: tuple[str, ...], *, network: bool
) -> tuple[list[FoundPort], tuple[SeenOctoPrint, ...]]:
    """Ask at each serial port that no program holds, and for OctoPrints in the network.

    Args:
        config: of the node; what is in it already is not asked.
        extra: further ports to ask at.
        network: whether OctoPrints are looked for.
    """
    from printers.discover import look_at, octoprints, serial_ports

    known = {str(Path(each.port).resolve()) for each in config.printers if each.port}
    found = []
    for port in serial_ports(extra):
        if port.device in known:
            say(gettext("%(port)s: is in the file already; not asked", port=port.path))
            continue
        words = f" ({port.words})" if port.words else ""
        say(gettext("%(port)s: asking, up to half a minute", port=f"{port.path}{words}"))
        found.append(look_at(port))
        say(f"    {words_of(found[-1])}")
    urls = {each.octoprint.rstrip("/") for each in config.printers if each.octoprint}
    if network:
        say(
            gettext(
                "Looking for OctoPrints in the network, %(seconds)s s", seconds=f"{_MDNS_S:.0f}"
            )
        )
    seen = octoprints(_MDNS_S) if network else ()
    fresh = tuple(each for each in seen if each.url not in urls)
    for each in fresh:
        say(f"{each.name}: {each.url}")
    if not found and not fresh:
        say(
            gettext(
                "No new printer was found. Is it plugged in and switched on? You may name its port"
            )
        )
    return found, fresh


def words_of(found: FoundPort) -> str:
    """Return who answered at a port, or why nobody did."""
    if not found.answers:
        return in_language(found.why.removeprefix(f"{found.port.path}: "))
    who = ", ".join(part for part in (found.machine, found.firmware) if part) or gettext(
        "a printer"
    )
    return gettext("%(printer)s, at %(rate)s baud", printer=who, rate=found.baudrate)


def show_found(ports: list[FoundPort], seen: tuple[SeenOctoPrint, ...], *, as_json: bool) -> None:
    """Print what was found as JSON, where that is asked for."""
    if as_json:
        told = {"ports": [asdict(each) for each in ports], "octoprints": [asdict(s) for s in seen]}
        click.echo(msgspec.json.encode(told))
