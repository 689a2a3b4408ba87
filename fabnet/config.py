"""Configuration files of coordinator and node: frozen values, checked.

Leaves reading TOML to `fabnet.toml_file`, and what is said of one printer to
`fabnet.printer_config`. Secrets live in files of their own beside the configuration, readable by
their owner only.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from datetime import date
from email.utils import parseaddr
from pathlib import Path

from fabnet import clock
from fabnet.errors import ConfigError
from fabnet.printer_config import SPOOLMAN, PrinterConfig, check_printer
from fabnet.toml_file import load, read
from fabnet.wire import is_node_id
from jobs.addresses import is_address
from jobs.assign import LOOK_AHEAD_S
from jobs.carriers import KnownCarrier
from jobs.errors import InvalidFieldError
from jobs.hours import WEEK_H, parse
from jobs.joining import is_loopback
from jobs.retention import DAYS, Kept

#: An owner's own machine presets are in this folder of a node's data_dir, under machines/.
OWN_PROFILES = "profiles"
#: And the slices that an owner has brought in this one.
OWN_SLICES = "own-slices"
#: Who slices for a node: its own machine if it can, its own machine only, or the coordinator.
SLICERS = ("auto", "local", "coordinator", "owner")
#: How a mail server is spoken to.
SECURITIES = ("starttls", "tls", "none")
_MOST_LOOK_AHEAD_S = 7 * 86400.0
_MOST_HEATERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """What a listener proves itself with: PEM files."""

    certificate: str  # with the chain behind it
    key: str
    ca: str = ""  # who signed it, for those who connect; "" means a public authority


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    """How people are told things: the mail server that takes the letters, and webhooks."""

    host: str
    sender: str  # "fabnet Nantes <fabnet@example.org>", or the address alone
    port: int = 587
    security: str = "starttls"  # starttls | tls | none (a server on this machine only)
    user: str = ""  # "": the server takes letters without a login
    password_file: str = ""  # relative to the configuration file; else FABNET_MAIL_PASSWORD
    ca_file: str = ""  # who signed its certificate; "" means a public authority
    private_webhooks: bool = False  # webhooks may lie in this machine's own network, and be http


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorConfig:
    """`fabnet serve`'s configuration."""

    data_dir: str  # ledger, files, broker; relative to the configuration file
    network: str = "fabnet"  # the network's name on pages and labels
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""  # how people and nodes reach the pages; "" means https://host:port
    behind_proxy: bool = False  # a reverse proxy ends TLS; the pages are served in the clear
    broker: str = "mosquitto"  # mosquitto | iotcore (demo) | mqtt(s)://... of an own broker
    broker_host: str = "127.0.0.1"
    broker_port: int = 1883
    public_broker: str = ""  # how nodes reach the broker, where it is not broker_host: mqtts://...
    tls: TlsFiles | None = None  # relative to the configuration file; None: the network's own
    websocket_port: int = 0  # a second way in, for labs whose firewall lets only HTTPS out; 0: none
    broker_password_file: str = ""  # of the user "coordinator" on an own broker
    hub_place: tuple[float, float] | None = None  # latitude, longitude of where lots are gathered
    hub_address: str = ""  # of the place where lots are gathered, as labels show it
    hub_contact: str = ""  # whom a hospital calls, as delivery notes show it
    timezone: str = ""  # of pages, hours and commands, as "Europe/Paris"; "" is this machine's
    look_ahead_s: float = LOOK_AHEAD_S  # work that one printer is offered and granted ahead
    silent_after_s: float = 600.0  # then the plates of a lab that is out of reach go to others
    ask_again_days: int = 14  # an older order is sent only once its requester says she needs it
    keep_contacts_days: int = DAYS[Kept.CONTACT]  # after an order is over, who asked is forgotten
    mail: MailConfig | None = None  # None: nobody is told anything
    carriers: tuple[KnownCarrier, ...] = ()  # whose numbers become links


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """`fabnet node run`'s configuration."""

    id: str
    lab: str
    coordinator: str  # http(s)://host:port
    broker: str  # mqtt, mqtts, ws or wss://host:port
    ca_file: str = ""  # who signed the broker's certificate; "" means a public authority
    coordinator_ca_file: str = (
        ""  # and who signed the coordinator's, which may stand behind a proxy
    )
    data_dir: str  # journal, files, slices; relative to the configuration file
    password_file: str  # the node's MQTT password
    key_file: str  # the node's Ed25519 private key
    attended: str = "08:00-20:00"  # hours of the week with somebody there: "Mon-Fri 18:00-23:00"
    place: tuple[float, float] | None = None  # latitude, longitude; told rounded to about 5 km
    asks: bool = False  # a person answers each offer
    paused: bool = False
    paused_until: str = ""  # "2026-12-07": a pause ends on this day
    weekly_h: float = 0.0  # of printing in a calendar week, at most; 0: no ceiling
    heaters_at_once: int = 0  # printers that may heat up at the same time; 0: all
    page_port: int = 0  # of the node's own page; 0: it has none
    page_host: str = "127.0.0.1"  # an address of this machine, so that a phone reaches the page
    page_password_file: str = ""  # asked for on the page; needed for any host but this machine
    slicer: str = "auto"  # auto | local | coordinator | owner; see docs/slicing.md
    spoolman_key_file: str = ""  # with an API key of that Spoolman, where it asks for one
    spoolman: str = ""  # http(s)://host:port of the Spoolman that keeps this lab's spools; "": none
    printers: tuple[PrinterConfig, ...] = ()


def load_coordinator(path: Path) -> CoordinatorConfig:
    """Read the coordinator's configuration; the paths under `tls` become absolute.

    Raises:
        ConfigError: naming the file and the field.
    """
    tables = {"tls": TlsFiles, "mail": MailConfig}
    found = load(path, CoordinatorConfig, tables=tables, lists={"carriers": KnownCarrier})
    for name in ("port", "broker_port", "websocket_port"):
        least = 0 if name == "websocket_port" else 1
        if not least <= getattr(found, name) <= 65535:  # noqa: PLR2004 - TCP ports
            raise ConfigError(str(path), name, f"must be between {least} and 65535")
    if found.timezone and not clock.is_zone(found.timezone):
        why = f'there is no time zone {found.timezone!r}; write it as "Europe/Paris"'
        raise ConfigError(str(path), "timezone", why)
    if not 1 <= found.look_ahead_s <= _MOST_LOOK_AHEAD_S:
        raise ConfigError(str(path), "look_ahead_s", "between a second and a week, in seconds")
    for name in ("ask_again_days", "keep_contacts_days"):
        if getattr(found, name) < 1:
            raise ConfigError(str(path), name, "at least 1, in days")
    here = path.resolve().parent
    if found.mail is not None:
        found = replace(found, mail=_mail(path, found.mail))
    if found.tls is None:
        return found
    tls = TlsFiles(
        certificate=str(here / found.tls.certificate),
        key=str(here / found.tls.key),
        ca=str(here / found.tls.ca) if found.tls.ca else "",
    )
    return replace(found, tls=tls)


def _mail(path: Path, mail: MailConfig) -> MailConfig:
    """Check what is said of the mail server; paths become absolute."""
    if mail.security not in SECURITIES:
        why = f"write one of {', '.join(SECURITIES)}"
        raise ConfigError(str(path), "mail.security", why)
    if mail.security == "none" and not is_loopback(mail.host):
        why = '"none" is for a server on this machine only: letters and password would be read on the way'
        raise ConfigError(str(path), "mail.security", why)
    if not 1 <= mail.port <= 65535:  # noqa: PLR2004 - TCP ports
        raise ConfigError(str(path), "mail.port", "must be between 1 and 65535")
    if not mail.host.strip():
        raise ConfigError(str(path), "mail.host", "is needed: the name of your mail server")
    name, address = parseaddr(mail.sender)
    if not is_address(address) or not f"{name}{address}".isprintable():
        why = 'write it as "fabnet Nantes <fabnet@example.org>"'
        raise ConfigError(str(path), "mail.sender", why)
    here = path.resolve().parent
    return replace(
        mail,
        password_file=str(here / mail.password_file) if mail.password_file else "",
        ca_file=str(here / mail.ca_file) if mail.ca_file else "",
    )


def load_node(path: Path) -> NodeConfig:
    """Read a node's configuration; its paths become absolute, from where the file lies.

    Raises:
        ConfigError: naming the file and the field.
    """
    if not path.exists():
        why = "there is no such file here: name yours, or go into the folder that `fabnet node join` made"
        raise ConfigError(str(path), "", why)
    found = load(path, NodeConfig, lists={"printers": PrinterConfig})
    if not is_node_id(found.id):
        raise ConfigError(str(path), "id", "1 to 32 of a-z, 0-9 and inner hyphens")
    try:
        parse(found.attended)
    except InvalidFieldError as error:
        raise ConfigError(str(path), "attended", error.why) from error
    if found.slicer not in SLICERS:
        raise ConfigError(str(path), "slicer", f"write one of {', '.join(SLICERS)}")
    _check_page(path, found)
    _check_week(path, found)
    ids = [printer.id for printer in found.printers]
    for printer in found.printers:
        if not is_node_id(printer.id) or ids.count(printer.id) > 1:
            why = f"{printer.id!r} is no name, or is there twice"
            raise ConfigError(str(path), "printers.id", why)
        check_printer(path, printer)
    _check_spools(path, found)
    here = path.resolve().parent
    return replace(
        found,
        printers=tuple(
            replace(each, api_key_file=str(here / each.api_key_file)) if each.api_key_file else each
            for each in found.printers
        ),
        data_dir=str(here / found.data_dir),
        ca_file=str(here / found.ca_file) if found.ca_file else "",
        coordinator_ca_file=str(here / found.coordinator_ca_file)
        if found.coordinator_ca_file
        else "",
        password_file=str(here / found.password_file),
        page_password_file=str(here / found.page_password_file) if found.page_password_file else "",
        key_file=str(here / found.key_file),
        spoolman_key_file=str(here / found.spoolman_key_file) if found.spoolman_key_file else "",
    )


def secret(path: str) -> str:
    """Return what a file beside node.toml holds.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(path, "", f"the secret cannot be read: {why}") from error


def _check_page(path: Path, found: NodeConfig) -> None:
    if not 0 <= found.page_port <= 65535:  # noqa: PLR2004 - TCP ports
        raise ConfigError(str(path), "page_port", "must be between 1 and 65535, or 0 for no page")
    try:
        here = ipaddress.ip_address(found.page_host).is_loopback
    except ValueError:
        here = found.page_host == "localhost"
    if found.page_port and not here and not found.page_password_file:
        why = "is needed where others can reach the page: a file with a password, beside this one"
        raise ConfigError(str(path), "page_password_file", why)


def _check_week(path: Path, found: NodeConfig) -> None:
    if not 0 <= found.weekly_h <= WEEK_H:
        raise ConfigError(str(path), "weekly_h", "between 0 (no ceiling) and 168 hours")
    if not 0 <= found.heaters_at_once <= _MOST_HEATERS:
        why = f"between 0 (all) and {_MOST_HEATERS} printers"
        raise ConfigError(str(path), "heaters_at_once", why)
    if found.paused_until:
        try:
            date.fromisoformat(found.paused_until)
        except ValueError as error:
            why = f'{found.paused_until!r} is no day; write it as "2026-12-07"'
            raise ConfigError(str(path), "paused_until", why) from error


def _check_spools(path: Path, found: NodeConfig) -> None:
    if found.spoolman and not found.spoolman.startswith(("http://", "https://")):
        raise ConfigError(str(path), "spoolman", 'write it as "http://host:port"')
    if found.spoolman_key_file and not found.spoolman:
        raise ConfigError(str(path), "spoolman_key_file", "is of no use without spoolman")
    numbers = [printer.spoolman_spool for printer in found.printers]
    for printer in found.printers:
        number, where = printer.spoolman_spool, f"printers.{printer.id}"
        if number and not found.spoolman:
            why = 'needs spoolman = "http://host:port" at the top: where is your Spoolman?'
            raise ConfigError(str(path), f"{where}.spoolman_spool", why)
        if number < 0 or (number and numbers.count(number) > 1):
            why = f"{number} is no number of a spool, or is in two printers"
            raise ConfigError(str(path), f"{where}.spoolman_spool", why)
        if printer.spool.startswith(SPOOLMAN) or (number and printer.spool):
            why = (
                f"leave it out: a spool of Spoolman is called {SPOOLMAN}{number or '12'} by itself"
            )
            raise ConfigError(str(path), f"{where}.spool", why)


def is_node_file(path: Path) -> bool:
    """Whether a configuration file is a node's: only a node has a coordinator.

    Raises:
        ConfigError: it cannot be read.
    """
    return "coordinator" in read(path)


def machine_id() -> str:
    """Return what names this machine, so that a journal that was copied away is noticed."""
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        if path.exists() and (text := path.read_text(encoding="ascii").strip()):
            return text
    return "unnamed"
