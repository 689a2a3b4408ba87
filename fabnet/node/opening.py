"""From a node's configuration to its agent: journal, keys, link, presets, slicer, drivers."""

from __future__ import annotations

import difflib
import secrets
from functools import partial
from pathlib import Path

from designs.model import PRINTED
from fabnet import wire
from fabnet.config import OWN_PROFILES, NodeConfig, secret
from fabnet.errors import ConfigError
from fabnet.link import Link
from fabnet.node.agent import Agent
from fabnet.node.files import FileStore
from fabnet.node.journal import Journal
from fabnet.node.remote_slicer import slicer_for
from fabnet.node_folder import Passwords, read_key
from fabnet.printer_config import PrinterConfig
from fabnet.wire import Channel
from firmware_profiles.loader import all_firmwares, load_machine, machine_names
from firmware_profiles.profile import MachinePreset
from printers.connect import Connection, connect


def open_node(config: NodeConfig, machine: str) -> Agent:
    """Make a node from its configuration: journal, keys, presets, slicer, drivers.

    Raises:
        FabnetError: the journal, a key, a preset or the broker's address cannot be used.
        PrinterError: there is no slicer.
        FirmwareProfileError: the file of a preset or of the owner's own firmware is wrong.
    """
    secret(config.password_file)  # said now, not when the link fails
    folder = Path(config.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    presets = {
        p.id: _preset(p, folder / OWN_PROFILES) for p in config.printers if p.process == PRINTED
    }
    boot = secrets.token_hex(16)
    will_topic = wire.topic(config.id, Channel.PRESENCE)

    def will(conn: str) -> tuple[str, bytes]:
        return will_topic, wire.write(wire.Presence(online=False, boot=boot, conn=conn))

    own = folder / OWN_PROFILES
    all_firmwares(own)  # one that is wrong is said now, not when a printer answers
    link = Link(
        config.broker,
        config.id,
        Passwords(Path(config.password_file)),
        [
            wire.topic(config.id, Channel.COMMANDS),
            wire.topic(config.id, Channel.COORDINATOR_ACK),
            wire.COORDINATOR_TOPIC,
        ],
        will,
        ca_file=config.ca_file,
    )
    key = read_key(Path(config.key_file))
    return Agent(
        config=config,
        presets=presets,
        journal=Journal(folder / "journal.db", machine),
        link=link,
        store=FileStore(
            folder / "files", config.coordinator, config.id, key, config.coordinator_ca_file
        ),
        slicer=slicer_for(config, key),
        drivers={p.id: partial(connect, connection_of(p, own)) for p in config.printers},
        boot=boot,
    )


def _preset(printer: PrinterConfig, own: Path) -> MachinePreset:
    known = machine_names(own)
    if printer.preset not in known:
        near = difflib.get_close_matches(printer.preset, known, 1, 0)
        why = f"{printer.preset!r} is no machine that fabnet knows; did you mean {near[0]!r}?"
        raise ConfigError("node.toml", f"printers.{printer.id}.preset", why)
    return load_machine(printer.preset, own)


def connection_of(printer: PrinterConfig, own: Path) -> Connection:
    """Return the way to a printer of node.toml.

    Args:
        printer: as it stands there.
        own: folder of the owner's own profiles.

    Raises:
        ConfigError: the key of its OctoPrint cannot be read.
    """
    return Connection(
        port=printer.port,
        baudrate=printer.baudrate,
        octoprint=printer.octoprint,
        api_key=secret(printer.api_key_file) if printer.api_key_file else "",
        manual=printer.manual,
        own_profiles=own,
    )
