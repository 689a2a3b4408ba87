"""Commands for a lab's node: run it, let one in, move it."""

from __future__ import annotations

import getpass
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from fabnet import clock
from fabnet.cli.common import (
    COORDINATOR_FILE,
    FILE,
    JOINED,
    NODE_FILE,
    NODE_FILE_NAMED,
    coordinator,
    named,
    node_file,
    say,
    stop_on_signals,
)
from fabnet.cli.language import gettext, sure
from fabnet.config import CoordinatorConfig, load_node, machine_id
from jobs.errors import NotFoundError

if TYPE_CHECKING:
    from fabnet.authority import Reach
    from jobs.ledger.members import Member
    from jobs.ledger.store import Ledger


@click.group()
def node() -> None:
    """Run a lab's node, or let one into the network.

    A maker's first commands, in this order: join, setup, install, account. On the coordinator's
    machine: invite, uninvite, confirm, create, rotate and revoke; all others are for the lab's.
    """


@node.command("run")
@NODE_FILE_NAMED
def node_run(config: Path) -> None:
    """Run the node of a lab: take work, print it, report.

    \b
    Example: fabnet node run node.toml
    """
    from fabnet.node.cooling import cooled_if_disk_fails
    from fabnet.node.door import Door
    from fabnet.node.leaving import refuse_to_start
    from fabnet.node.opening import open_node

    stop = stop_on_signals()
    refuse_to_start(config)
    found = load_node(config)
    if not found.printers:
        say(
            gettext(
                "fabnet: %(file)s names no printer yet, so no work comes. To find yours:",
                file=config,
            )
        )
        say(f"  fabnet node setup{named(config)}")
    with cooled_if_disk_fails(found):
        agent = open_node(found, machine_id())
        door = Door(found, agent.desk)
        door.open()
        say(
            gettext(
                "fabnet: %(lab)s runs until Ctrl-C. How it is, in another terminal:", lab=found.lab
            )
        )
        say(f"  fabnet node status{named(config, '--config')}")
        try:
            agent.run(stop)
        finally:
            door.close()


@node.command("adopt")
@click.argument("config", metavar="[FILE]", type=FILE, default="node.toml")
def node_adopt(config: Path) -> None:
    """Let the journal that was moved here run on this machine.

    The other machine must never run it again: two nodes with the same journal would print the
    same thing twice.

    \b
    Example: fabnet node adopt node.toml
    """
    from fabnet.node.home import adopt

    adopt(Path(load_node(config).data_dir) / "journal.db", machine_id())
    click.echo("fabnet: this machine holds the journal now", err=True)


@node.command("create")
@click.argument("name")
@click.option("--lab", required=True, help="What the lab is called.")
@COORDINATOR_FILE
@click.option("--out", type=click.Path(path_type=Path), help="A folder to make.")
@click.option(
    "--hosted",
    "presets",
    multiple=True,
    metavar="PRESET|PROCESS=RATE",
    help="Run the node beside the coordinator, with a printer of this preset that its maker feeds"
    " from an SD card, or a machine that she works: SEW=12 sews 12 pieces an hour (LAS cuts, ASM"
    " puts together). May be repeated.",
)
def node_create(
    name: str, lab: str, config: Path, out: Path | None, presets: tuple[str, ...]
) -> None:
    """Let a node into the network: writes a folder with its configuration and secrets.

    Run it on the coordinator's machine, fill in the printers, and carry the folder to the lab. A
    hosted node needs no carrying: its maker signs in to the pages, loads a spool and prints.

    \b
    Example: fabnet node create lab-nord --lab "Atelier Nord" --out lab-nord
             fabnet node create chez-awa --lab "Chez Awa" --hosted creality-ender-3
             fabnet node create chez-lea --lab "Chez Léa" --hosted SEW=12
    """
    from fabnet.authority import reach
    from fabnet.enrolment import create_node, hosted_folder

    if (out is None) == (not presets):
        raise click.UsageError("give either --out FOLDER or --hosted PRESET")
    found = coordinator(config)
    folder = out or hosted_folder(found, name)
    create_node(name, lab, found, folder, clock.now(), presets, _machines())
    if presets:
        told = (
            f"{name} is hosted here; make its maker's account: fabnet person add LOGIN --role maker"
        )
        click.echo(f"fabnet: {told} --node {name}", err=True)
    else:
        _warn_only_here(found, reach(found, clock.now()))
        told = f"{folder}/node.toml is ready; write the lab's printers into it"
        click.echo(f"fabnet: {told}", err=True)


def _machines() -> dict[str, str]:
    """Return what a machine that somebody works is called, by its process; as the join form does."""
    return {
        "SEW": gettext("Sewing machine"),
        "LAS": gettext("Laser cutter"),
        "ASM": gettext("Assembling by hand"),
    }


def _warn_only_here(config: CoordinatorConfig, how: Reach) -> None:
    """A coordinator on loopback cannot be reached by the labs: say so before anybody tries."""
    if how.only_here:
        click.echo(
            f"fabnet: warning: {' and '.join(how.only_here)} can be reached from this machine only."
            ' For labs elsewhere, set host = "0.0.0.0", broker_host = "0.0.0.0" and public_url ='
            ' "https://<what they call this machine>:' + f'{config.port}" in the'
            " coordinator's file and start it again",
            err=True,
        )


@node.command("invite")
@click.option("--lab", required=True, help="What the lab is called.")
@click.option("--hours", type=int, default=24, show_default=True, help="How long the code is good.")
@COORDINATOR_FILE
def node_invite(lab: str, hours: int, config: Path) -> None:
    """Make a code that lets one lab in. It is printed once, and kept nowhere.

    \b
    Example: fabnet node invite --lab "Atelier Nord"
    """
    from fabnet.authority import reach
    from fabnet.enrolment import invite

    found = coordinator(config)
    code = invite(found, lab, _who(), hours, clock.now())
    _warn_only_here(found, reach(found, clock.now()))
    say(f"fabnet: send this link to {lab}; it is good once, for {hours} h, with a phone alone too:")
    say(f"  {code.url}/join/{code.token}")
    say('A computer that has fabnet already joins with: fabnet node join "CODE". The code is:')
    click.echo(str(code))


@node.command("uninvite")
@click.argument("lab")
@COORDINATOR_FILE
def node_uninvite(lab: str, config: Path) -> None:
    """Withdraw what LAB was invited with and nobody has used: its link went to the wrong people.

    \b
    Example: fabnet node uninvite "Atelier Nord"
    """
    from fabnet.enrolment import open_ledger
    from jobs.coordinator import enrolment
    from jobs.ledger.members import open_invites

    ledger = open_ledger(coordinator(config))
    waiting = open_invites(ledger.reading, clock.now())
    found = [each for each in waiting if each.lab == lab]
    if not found:
        raise NotFoundError("open invitation", lab, {each.lab for each in waiting})
    for each in found:
        enrolment.uninvite(ledger, each.id, _who(), clock.now())
    say(f"fabnet: {lab} cannot join with what it was sent any more. A new invitation:")
    say(f"  fabnet node invite --lab {shlex.quote(lab)}{named(config, '--config')}")


def _who() -> str:
    return f"{getpass.getuser()} (command line)"


@node.command("join")
@click.argument("code")
@click.option("--out", type=click.Path(path_type=Path), default=JOINED, show_default=True,
              help="The node's folder; made where it is not there.")  # fmt: skip
def node_join(code: str, out: Path) -> None:
    """Join a network with the code of its coordination team.

    Run it again if it was interrupted: it goes on with the key that is in the folder.

    \b
    Example: fabnet node join "https://fabnet.example:8080/#uV0...Q.9W6...s" --out lab-nord
    """
    from fabnet.joining import join
    from jobs.joining import Standing, is_loopback, read_code

    read = read_code(code)
    joined = join(read, out, clock.now())
    answer = joined.answer
    say(
        gettext(
            "%(lab)s is node %(node)s of %(coordinator)s",
            lab=answer.lab, node=answer.node, coordinator=answer.coordinator,
        )
    )  # fmt: skip
    say(gettext("fingerprint: %(fingerprint)s", fingerprint=joined.fingerprint))
    for url in (answer.coordinator, answer.broker):
        if is_loopback(urlsplit(url).hostname or "") and not is_loopback(
            urlsplit(read.url).hostname or ""
        ):
            told = f"{url} leads to this machine itself: the coordinator's public_url, host and"
            click.echo(f"fabnet: warning: {told} broker_host have to be set there", err=True)
    if joined.was_there:
        say(gettext("fabnet: %(file)s was there and is as it was", file=joined.config))
    if answer.standing is Standing.PENDING:
        say(
            gettext(
                "fabnet: the coordination team telephones you, and you read the fingerprint to them. They"
                " let this node in then; you need not wait for it to go on here"
            )
        )
    elif answer.standing is Standing.REVOKED:
        say(gettext("fabnet: this node was shut out; ask the coordination team"))
    say(gettext("what the network learns of this lab:"))
    say(f"  fabnet node status --told{named(joined.config, '--config')}")
    say(gettext("next, this lab's printers:"))
    say(f"  fabnet node setup{named(joined.config)}")


@node.command("confirm")
@click.argument("name")
@click.option("--fingerprint", "seen", help="What the lab reads out; asked for when not given.")
@COORDINATOR_FILE
def node_confirm(name: str, seen: str | None, config: Path) -> None:
    """Let a node that has joined take part, after comparing its fingerprint.

    \b
    Example: fabnet node confirm atelier-nord
    """
    from fabnet.enrolment import open_ledger
    from jobs.coordinator import enrolment
    from jobs.joining import Standing

    ledger = open_ledger(coordinator(config))
    found = _member(ledger, name)
    if seen is None and found.standing is Standing.PENDING:
        click.echo(f"{found.lab}: {found.fingerprint}", err=True)
        if not sure(gettext("Does the lab's screen show exactly this?")):
            say(
                gettext(
                    "fabnet: %(node)s was not let in: another fingerprint is another machine's. If nobody"
                    " knows it, shut it out, and send the lab a new invitation:",
                    node=name,
                )
            )
            say(f'  fabnet node revoke {name} --reason "another fingerprint"')
            sys.exit(1)
    if seen is None:
        seen = found.fingerprint
    enrolment.confirm(ledger, name, seen, _who(), clock.now())
    say(gettext("fabnet: %(node)s belongs to the network now", node=name))


def _member(ledger: Ledger, name: str) -> Member:
    """Return a node of the ledger.

    Raises:
        NotFoundError: there is none of this name; with the names that there are.
    """
    from jobs.joining import Standing
    from jobs.ledger.members import members

    found = {each.id: each for each in members(ledger.reading)}
    if name not in found:
        inside = [each.id for each in found.values() if each.standing is not Standing.REVOKED]
        raise NotFoundError("node", name, inside)
    return found[name]


@node.command("revoke")
@click.argument("name")
@click.option("--reason", required=True, help="The history keeps it.")
@COORDINATOR_FILE
def node_revoke(name: str, reason: str, config: Path) -> None:
    """Shut a node out for good: its login ends at once, and nothing is taken from it any more.

    \b
    Example: fabnet node revoke atelier-nord --reason "the laptop was stolen"
    """
    from fabnet.enrolment import open_ledger
    from jobs.coordinator import enrolment

    ledger = open_ledger(coordinator(config))
    enrolment.revoke(ledger, _member(ledger, name).id, reason, _who(), clock.now())
    told = "is shut out; what it may have started stays until it is counted or written off"
    click.echo(f"fabnet: {name} {told}", err=True)


@node.command("rotate")
@click.argument("name", default=lambda: str(node_file()))
@COORDINATOR_FILE
def node_rotate(name: str, config: Path) -> None:
    """Give a node a new MQTT password, without a moment in which none works.

    NAME is a node's configuration file, in the lab; or a node's name, on the coordinator's machine,
    which then asks the node.

    \b
    Example: fabnet node rotate node.toml
             fabnet node rotate atelier-nord
    """
    from fabnet.enrolment import open_ledger
    from fabnet.joining import rotate
    from jobs.coordinator import enrolment

    if name.endswith(".toml"):
        answer = rotate(load_node(Path(name)), clock.now())
        told = f"{answer.node} has a new password (number {answer.number})"
        click.echo(f"fabnet: {told}; a node that runs goes over to it by itself", err=True)
        return
    ledger = open_ledger(coordinator(config))
    enrolment.ask_to_rotate(ledger, _member(ledger, name).id, _who(), clock.now())
    click.echo(
        f"fabnet: {name} is asked for a new password; the page shows when it has one", err=True
    )


@node.command("export-okw")
@click.argument("out", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True))
@NODE_FILE
def node_export_okw(out: str, config: Path) -> None:
    """Write this lab as an Open Know-Where facility, for maps and lists of workshops.

    FILE may be - for the screen. In it are the lab's name, its kinds of machines and their materials,
    and its place rounded to some 5 km, where node.toml has one. Nothing is sent: whom you give it to is
    your choice.

    \b
    Example: fabnet node export-okw workshop.json
    """
    from fabnet.durable import write_whole
    from fabnet.node.okw import facility

    found = load_node(config)
    text = json.dumps(facility(found, clock.now()), ensure_ascii=False, indent=2) + "\n"
    if out == "-":
        click.echo(text, nl=False)
    else:
        write_whole(Path(out), text)
        click.echo(f"fabnet: {out} says what anybody may know of {found.lab}", err=True)
    if found.place is None:
        click.echo("fabnet: it has no place: node.toml has none", err=True)
