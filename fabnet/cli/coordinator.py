"""Commands on the coordinator's machine: serve, accounts, doctor."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fabnet import clock
from fabnet.cli.common import (
    COORDINATOR_FILE,
    FILE,
    coordinator,
    node_file,
    open_ledger,
    say,
    stop_on_signals,
)
from fabnet.cli.language import gettext
from fabnet.cli.questions import new_password
from fabnet.cli.said_below import in_language
from fabnet.config import is_node_file, load_node

if TYPE_CHECKING:
    from fabnet.doctor import Finding


@click.command()
@click.argument("config", metavar="[FILE]", type=FILE, default="coordinator.toml")
def serve(config: Path) -> None:
    """Run the coordinator: broker, planner, web pages.

    \b
    Example: fabnet serve coordinator.toml
    """
    from fabnet.service import Service
    from jobs.coordinator.people import has_people

    stop = stop_on_signals()
    service = Service(coordinator(config, "fabnet serve FILE"))

    def ready() -> None:
        say(f"fabnet: the pages are at {service.url}")
        if not has_people(service.ledger):
            say("Nobody can sign in yet. Your account, in another terminal:")
            say(f"  fabnet person add LOGIN --role steward{_named(config)}")

    service.run(stop, ready)


def _named(config: Path) -> str:
    """Return the option by which a command is told of this file, "" where it finds it alone."""
    if config == Path("coordinator.toml"):
        return ""
    return f" --config {shlex.quote(str(config))}"


@click.command("export-okw")
@click.argument("out", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True))
@COORDINATOR_FILE
def export_okw(out: str, config: Path) -> None:
    """Write the labs whose makers let anybody know of them as Open Know-Where facilities.

    FILE may be - for the screen. Of each lab it says the name, the kinds of machines and their
    materials, and the place rounded to some 5 km, where it is told. A lab is in it only if its maker
    has said so on its page.

    \b
    Example: fabnet export-okw workshops.json
    """
    from contextlib import closing

    from fabnet.durable import write_whole
    from jobs.ledger import labs
    from jobs.okw import facilities

    with closing(open_ledger(config)) as ledger:
        found = facilities(labs.listed(ledger.reading), clock.now())
        others = len(labs.node_ids(ledger.reading)) - len(found)
    text = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
    if out == "-":
        click.echo(text, nl=False)
    else:
        write_whole(Path(out), text)
    told = f"{len(found)} labs are in it; {others} did not say that anybody may know of them"
    click.echo(f"fabnet: {told}", err=True)


@click.group()
def person() -> None:
    """Accounts of people."""


@person.command("add")
@click.argument("login")
@click.option("--name", default="", help="As pages show it.")
@click.option(
    "--role",
    type=click.Choice(["maker", "inspector", "steward"]),
    required=True,
    help="A maker prints at a lab, an inspector works at the hub, a steward coordinates.",
)
@click.option("--node", "node_id", default="", help="A maker's own node.")
@COORDINATOR_FILE
@click.option("--password", help="Asked for when it is not given; at least ten characters.")
def person_add(
    login: str, name: str, role: str, node_id: str, config: Path, password: str | None
) -> None:
    """Make an account, or give it a new password.

    \b
    Example: fabnet person add ada --role steward
    """
    from fabnet.enrolment import open_ledger as open_or_make
    from jobs.coordinator.nodes import is_enrolled
    from jobs.coordinator.people import add_person, has_person
    from jobs.errors import InvalidFieldError, NotFoundError
    from jobs.ledger import labs
    from jobs.model import Role
    from web.auth import LOGIN, hash_password, need_good_password

    if role == Role.MAKER and not node_id:
        raise click.UsageError("a maker prints at a lab: name its node with --node NAME")
    if password is not None:
        need_good_password(password)
    ledger = open_or_make(coordinator(config))
    if node_id and not is_enrolled(ledger.reading, node_id):
        raise NotFoundError("node", node_id, labs.node_ids(ledger.reading))
    if not LOGIN.fullmatch(login) and not has_person(ledger, login):
        raise InvalidFieldError("login", "2 to 32 of a to z, 0 to 9, dots and hyphens")
    hashed = hash_password(new_password() if password is None else password)
    add_person(ledger, login, name or login, Role(role), hashed, node_id, clock.now())
    click.echo(f"fabnet: {login} can sign in as {role}", err=True)


@click.command("mail-test")
@click.argument("address")
@COORDINATOR_FILE
def mail_test(address: str, config: Path) -> None:
    """Send one letter to an address, as the coordinator would.

    \b
    Example: fabnet mail-test camille@example.org
    """
    from fabnet.errors import ConfigError, LetterRefusedError, MailError
    from fabnet.mail import Mail, Post
    from jobs.addresses import is_address

    if not is_address(address):
        raise click.UsageError(f"{address!r} is no address of mail")
    found = coordinator(config)
    if found.mail is None:
        why = "is not there: name your mail server, as docs/running.md shows"
        raise ConfigError(str(config), "[mail]", why)
    now = clock.now()
    letter = Mail(
        key=f"test:{address}:{now.isoformat()}", to=address, language="en", written_at=now,
        subject=f"{found.network}: a test", text=f"{found.network} can send mail. That is all.\n",
        stop_url="",
    )  # fmt: skip
    try:
        with Post(found.mail) as post:
            post.send(letter)
    except LetterRefusedError as error:
        raise MailError(f"The mail server does not take it: {error}") from error
    click.echo(f"fabnet: {found.mail.host} has taken a letter to {address}", err=True)


@click.command()
@click.argument("config", metavar="[FILE]", type=FILE, required=False)
@click.option(
    "--broker", default="", help="Attack this broker instead: mqtt(s)://, ws(s)://host:port."
)
@click.option("--logins", type=FILE, help="With --broker: three lines of user:password.")
@click.option("--ca", type=FILE, help="With --broker: who signed its certificate.")
@click.option(
    "--record", metavar="PORT", default="", help="Write down what the board at this port says."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def doctor(
    config: Path | None, broker: str, logins: Path | None, ca: Path | None, record: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Look whether this machine can run a coordinator or, given its node.toml, a node.

    With --broker, attack a broker as a hostile node would, and say what to mend. The logins file has
    one line for the user "coordinator" and one each for two nodes made for this test. Whoever is
    logged in with one of them is cut off meanwhile: stop the coordinator first.

    With --record, ask a printer harmless questions and print the dialogue, for those who teach fabnet a
    new board: nothing moves, nothing heats, and serial numbers, identifiers and names are taken out.
    Opening its port resets many boards, so let nothing print there, and stop the node.

    \b
    Example: fabnet doctor node.toml
    Example: fabnet doctor --record /dev/ttyUSB0 > board.txt
    Example: fabnet doctor --broker mqtts://broker.example:8883 --logins probe.logins
    """
    from fabnet.doctor import attack_broker, look

    if not click.get_current_context().find_root().params["verbose"]:
        # What a broker logs that is started to be looked at is no finding.
        logging.getLogger("fabnet").setLevel(logging.WARNING)
    if record:
        _record(record)
        return
    if broker and logins is None:
        raise click.UsageError("--broker needs --logins")
    if broker and logins is not None:
        found = attack_broker(broker, logins, str(ca or ""))
    elif config is None:
        found = look(None)
    elif config.exists() and is_node_file(config):
        found = look(load_node(config))
    else:
        found = look(coordinator(config, "fabnet doctor FILE"))
    well = _show(found, as_json)
    if config is None and not broker and not as_json:
        _say_whom_else_to_look_at()
    sys.exit(0 if well else 1)


def _show(found: Iterable[Finding], as_json: bool) -> bool:
    """Print each finding as soon as it is there, or all of them as JSON; return whether all is well."""
    findings = []
    for finding in found:
        findings.append(finding)
        if not as_json:
            how = "ok " if finding.ok else gettext("NO ")
            click.echo(f"{how} {in_language(finding.check)}: {in_language(finding.words)}")
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    return all(finding.ok for finding in findings)


def _say_whom_else_to_look_at() -> None:
    """Say which files lie here, of which a look at the machine alone says nothing."""
    for path in (Path("coordinator.toml"), node_file()):
        if path.exists():
            next_one = gettext("next, this machine with its %(file)s:", file=path.name)
            say(f"{next_one}\n  fabnet doctor {shlex.quote(str(path))}")


def _record(port: str) -> None:
    from printers.transcript import record

    click.echo(record(port), nl=False)
    click.echo("fabnet: read it through before you send it to anybody", err=True)
