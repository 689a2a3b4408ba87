"""`fabnet node account`: the maker of a lab with a computer gets an account for the network's pages."""

from __future__ import annotations

from pathlib import Path

import click

from fabnet import clock
from fabnet.cli.common import FILE
from fabnet.config import load_node


@click.command("account")
@click.argument("login")
@click.option("--config", type=FILE, default="node.toml", help="The node's configuration file.")
@click.password_option(help="Asked for when it is not given; at least ten characters.")
def account(login: str, config: Path, password: str) -> None:
    """Make your account for the network's pages, on a phone too.

    There you count what was printed, pause, change your hours, and get bags fetched. The node's key
    shows that it is you; nobody else is asked. A login that is yours already gets the new password.

    \b
    Example: fabnet node account awa --config lab-nord/node.toml
    """
    from fabnet.joining import open_account

    found = open_account(load_node(config), login.strip().lower(), password, clock.now())
    click.echo(f"fabnet: sign in as {found.login} at {found.sign_in}, on a phone too")
