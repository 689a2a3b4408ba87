"""`fabnet node setup`: finds the lab's printers, asks their owner, and writes node.toml.

Every answer is also an option, so that a script can give it. Questions go to stderr, JSON to stdout.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import click
import msgspec

from fabnet import clock
from fabnet.cli.common import ERRORS, FILE, NODE_FILE_NAMED, answers_here, named, say
from fabnet.cli.install import restart_words
from fabnet.cli.language import gettext, sure
from fabnet.cli.looking import search, show_found, words_of
from fabnet.cli.questions import (
    address_meant,
    ask_grams,
    ask_machine,
    ask_material,
    ask_safety,
    hours_to_write,
)
from fabnet.cli.said_below import in_language
from fabnet.cli.trial import offer
from fabnet.config import NodeConfig, load_node
from fabnet.errors import ConfigError
from fabnet.printer_config import PrinterConfig
from fabnet.wire import is_node_id
from firmware_profiles.loader import load_machine, machine_names


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """What was given as options; None is asked for."""

    yes: bool
    id: str | None
    preset: str | None
    title: str | None
    material: str | None
    grams: float | None
    baudrate: int | None
    octoprint_user: str
    key_file: Path | None
    protection_tested: bool | None
    smoke_alarm: bool | None
    surroundings_clear: bool | None


@dataclass(slots=True)
class _Work:
    """What is to be written."""

    config: NodeConfig
    printers: list[PrinterConfig] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def taken(self) -> set[str]:
        return {printer.id for printer in (*self.config.printers, *self.printers)}


def _yes_no(name: str, words: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(f"--{name}/--no-{name}", default=None, help=words)


@click.command("setup")
@NODE_FILE_NAMED
@click.option("--find", is_flag=True, help="Only look for printers; write nothing.")
@click.option("--port", help="Set up the printer on this serial port.")
@click.option("--octoprint", metavar="URL", help="Set up the printer of this OctoPrint.")
@click.option("--manual", is_flag=True, help="Set up a printer that a person feeds by SD card.")
@click.option("--look-at", multiple=True, metavar="PATH", help="Also ask at this port; repeatable.")
@click.option("--no-network", is_flag=True, help="Do not look for OctoPrints in the network.")
@click.option("--id", "name", help="The printer's name in this lab.")
@click.option("--preset", type=click.Choice(machine_names()), help="Which machine it is.")
@click.option("--title", help="What people call it.")
@click.option("--material", help='On its spool: "PLA"; "" when none is loaded.')
@click.option("--grams", type=click.FloatRange(min=0), help="On that spool.")
@click.option("--baudrate", type=click.IntRange(min=1), help="Of the port; found by asking.")
@click.option("--octoprint-user", default="", help="Who is asked there to accept.")
@click.option("--key-file", type=FILE, help="A key of that OctoPrint, instead of asking for one.")
@_yes_no("protection-tested", "Its thermal protection was tested.")
@_yes_no("smoke-alarm", "A smoke alarm is in the room.")
@_yes_no("surroundings-clear", "Nothing that burns is near.")
@click.option("--attended", help='Hours with somebody there: "Mon-Fri 18:00-23:00".')
@click.option("--yes", is_flag=True, help="Ask nothing: take what is proposed.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def setup(
    config: Path, find: bool, port: str | None, octoprint: str | None, manual: bool,
    look_at: tuple[str, ...], no_network: bool, name: str | None, preset: str | None,
    title: str | None, material: str | None, grams: float | None, baudrate: int | None,
    octoprint_user: str, key_file: Path | None, protection_tested: bool | None,
    smoke_alarm: bool | None, surroundings_clear: bool | None, attended: str | None,
    yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Find this lab's printers, ask about them, and write them into node.toml.

    No port that another program holds is opened, and nothing is heated or moved. The old file is
    kept. A node that runs takes the new one up when it is started again.

    \b
    Example: fabnet node setup
             fabnet node setup --find --json
             fabnet node setup --port /dev/ttyUSB0 --preset creality-ender-3 --material PLA --grams 800 --yes
    """
    if sum((bool(port), bool(octoprint), manual)) > 1:
        raise click.UsageError("give one of --port, --octoprint and --manual")
    answers = _Answers(
        yes=yes, id=name, preset=preset, title=title, material=material, grams=grams,
        baudrate=baudrate, octoprint_user=octoprint_user, key_file=key_file,
        protection_tested=protection_tested, smoke_alarm=smoke_alarm,
        surroundings_clear=surroundings_clear,
    )  # fmt: skip
    work = _Work(load_node(config))
    if find:
        show_found(*search(work.config, look_at, network=not no_network), as_json=as_json)
        return
    if port or octoprint or manual:
        # The node starts in another folder than this one.
        port = str(Path(port).absolute()) if port else ""
        _one(work, answers, port, address_meant(octoprint or ""))
    else:
        _all(work, answers, look_at, network=not no_network)
    _write(config, work, hours_to_write(work.config.attended, attended, yes=yes), as_json=as_json)
    runs = answers_here(work.config)
    there = {printer.id for printer in work.config.printers}
    # A node that runs knows nothing of a printer that is new: it could not print on it.
    offer(config, [each for each in work.printers if not yes and (not runs or each.id in there)])
    say(_next(config, work, runs=runs))


def _next(config: Path, work: _Work, *, runs: bool) -> str:
    """Return what to do now; `runs`: the node does, on this machine."""
    at = named(config)
    if not work.taken:
        return gettext(
            "next: no printer is in %(file)s yet. Plug one in, switch it on, and run this again;"
            " or name its port:\n  %(command)s",
            file=config, command=f"fabnet node setup{at} --port /dev/ttyUSB0",
        )  # fmt: skip
    if runs:
        trials = [
            f"\n  fabnet node test-print {each.id}{named(config, '--config')}"
            for each in work.printers
            if each.material and not each.manual
        ]
        well = gettext("and see that a new printer is well:")
        then = "".join(["\n", well, *trials]) if trials else ""
        again = gettext(
            "next: between two prints, start this lab's node again, which reads its file then:"
        )
        return f"{again}{restart_words(work.config, config)}{then}"
    account = gettext(
        "And, once you are let in, your account for counting, pausing and hours, on your phone too:"
    )
    return "\n".join(
        (
            gettext("next, let it run, from every start of this machine on:"),
            f"  fabnet node install{at}",
            gettext("or only until you press Ctrl-C:"),
            f"  fabnet node run{at}",
            account,
            f"  fabnet node account{named(config, '--config')}",
        )
    )


# --- asking ---------------------------------------------------------------------------------------


def _all(work: _Work, answers: _Answers, extra: tuple[str, ...], *, network: bool) -> None:
    ports, seen = search(work.config, extra, network=network)
    for found in ports:
        if not found.answers:
            work.left_out.append(f"{found.port.path}: {words_of(found)}")
        elif answers.yes and not (answers.preset or found.preset):
            which = gettext("which machine is it? --port with --preset")
            work.left_out.append(f"{found.port.path}: {which}")
        elif answers.yes or _wanted(words_of(found), found.port.path):
            way = PrinterConfig(id="", preset="", port=found.port.path, baudrate=found.baudrate)
            _add(work, answers, way, found.preset)
    for each in seen:
        # Who asks nothing cannot wait for a person at an OctoPrint either.
        if answers.yes:
            how = gettext("name it with --octoprint to ask there for a key")
            work.left_out.append(f"{each.url}: {how}")
        elif _wanted(each.name, each.url):
            _try(work, answers, "", each.url)
    if not answers.yes:
        _more(work, answers)


def _more(work: _Work, answers: _Answers) -> None:
    """Ask for printers that cannot be found by looking."""
    words = gettext("Another one? Its port (/dev/ttyUSB0) or its OctoPrint's address (enter: no)")
    while told := click.prompt(words, "", show_default=False, err=True).strip():
        port = told if told.startswith("/") else ""
        _try(work, answers, port, "" if port else address_meant(told))
    while sure(gettext("Set up a printer that you feed from an SD card?")):
        _add(work, answers, PrinterConfig(id="", preset="", manual=True), "")


def _wanted(what: str, where: str) -> bool:
    return sure(gettext("Set up %(printer)s (%(where)s)?", printer=what, where=where), default=True)


def _try(work: _Work, answers: _Answers, port: str, url: str) -> None:
    """Set one up; where that fails, what was answered of the others stays."""
    try:
        _one(work, answers, port, url)
    except ERRORS as error:
        say(gettext("fabnet: %(words)s", words=in_language(str(error))))


def _one(work: _Work, answers: _Answers, port: str, url: str) -> None:
    from printers.discover import look_at, serial_ports

    if not port:
        _add(work, answers, PrinterConfig(id="", preset="", octoprint=url, manual=not url), "")
        return
    if answers.baudrate and answers.preset:
        # All is known: nobody needs to open the port.
        _add(work, answers, PrinterConfig(id="", preset="", port=port), "")
        return
    (named,) = [each for each in serial_ports([port]) if each.named]
    say(gettext("%(port)s: asking, up to half a minute", port=port))
    found = look_at(named)
    if not found.answers:
        raise ConfigError(port, "", words_of(found))
    say(f"    {words_of(found)}")
    way = PrinterConfig(id="", preset="", port=port, baudrate=found.baudrate)
    _add(work, answers, way, found.preset)


def _add(work: _Work, answers: _Answers, way: PrinterConfig, proposed: str) -> None:
    """Ask about one printer, and take it down."""
    from fabnet.node.setup import QUESTIONS, propose_id

    there = next((p for p in work.config.printers if _is_same(p, way, answers.id)), None)
    # First of all: who waits for a key in vain has then answered nothing else in vain.
    key = _key(answers, way.octoprint) if way.octoprint else ""
    chosen = answers.preset or _preset(answers, there.preset if there else proposed)
    preset = load_machine(chosen)
    name = _name(work, answers, there.id if there else propose_id(preset.name, work.taken))
    material = _material(answers, preset.materials, there.material if there else "")
    grams = answers.grams
    if material and grams is None:
        left_g = there.grams if there else 0.0
        grams = left_g if answers.yes else ask_grams(left_g)
    given = {name: getattr(answers, name) for name in QUESTIONS}
    safety = ask_safety(preset, given, yes=answers.yes)
    printer = replace(
        way, id=name, preset=preset.name, title=answers.title or "", material=material,
        grams=(grams or 0.0) if material else 0.0, unattended=safety.unattended, **asdict(safety),
        baudrate=answers.baudrate or way.baudrate,
    )  # fmt: skip
    if key:
        work.keys[name] = key
    work.printers.append(printer)


def _is_same(there: PrinterConfig, way: PrinterConfig, name: str | None) -> bool:
    """Whether a printer of the file is the one that is set up now."""
    if name is not None or way.manual:
        return there.id == name
    return (there.port, there.octoprint) == (way.port, way.octoprint)


def _name(work: _Work, answers: _Answers, proposal: str) -> str:
    now_taken = {printer.id for printer in work.printers}
    told = answers.id
    while True:
        found = told or (
            proposal
            if answers.yes
            else click.prompt(gettext("Its name in this lab"), proposal, err=True)
        )
        if not is_node_id(found):
            why = gettext("a name is 1 to 32 of a-z, 0-9 and inner hyphens, as left-mk3")
        elif found in now_taken:
            why = gettext("%(name)s is another printer's name already", name=found)
        else:
            return found
        if told or answers.yes:
            raise click.UsageError(f"--id: {why}")
        say(why)


def _preset(answers: _Answers, proposed: str) -> str:
    if answers.yes:
        if proposed:
            return proposed
        raise click.UsageError("which machine is it? Give --preset, since nothing tells")
    return ask_machine(proposed)


def _material(answers: _Answers, known: tuple[str, ...], there: str) -> str:
    if answers.material is None:
        told = there if answers.yes else ask_material(known, there)
    else:
        told = answers.material
    if told.lower() in {"", "none"}:
        return ""
    if told.upper() not in known:
        words = f"{told!r} is nothing that this machine prints; it is one of {', '.join(known)}"
        raise click.UsageError(words)
    return told.upper()


def _key(answers: _Answers, url: str) -> str:
    from printers.octoprint_keys import ask_for_key

    if answers.key_file is not None:
        try:
            return answers.key_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(str(answers.key_file), "", str(error.strerror)) from error

    def told(page: str) -> None:
        say(
            gettext(
                "Open %(page)s in a browser, sign in, and press Allow in the box that names fabnet (it"
                " may take a minute to come). Waiting, up to 10 minutes",
                page=page,
            )
        )

    key = ask_for_key(url, told, threading.Event(), user=answers.octoprint_user)
    say("    " + gettext("it gave its key"))
    return key


# --- writing --------------------------------------------------------------------------------------


def _write(config: Path, work: _Work, attended: str, *, as_json: bool) -> None:
    from fabnet.node.setup import write_setup

    written = write_setup(config, work.printers, work.keys, attended, clock.now())
    for printer in work.printers:
        alone = (
            gettext("prints also while nobody is there")
            if printer.unattended
            else gettext("prints while somebody is there")
        )
        say(f"{printer.id}: {load_machine(printer.preset).title}, {alone}")
    for words in work.left_out:
        say(gettext("left out: %(printer)s", printer=words))
    if written.kept is None:
        say(gettext("fabnet: %(file)s is as it was", file=config))
    else:
        kept = written.kept.name
        say(
            gettext(
                "fabnet: %(file)s is written; the file as it was: %(kept)s", file=config, kept=kept
            )
        )
    if as_json:
        told = {
            "config": str(config),
            "kept": None if written.kept is None else str(written.kept),
            "printers": [asdict(printer) for printer in work.printers],
            "left_out": work.left_out,
        }
        click.echo(msgspec.json.encode(told))
