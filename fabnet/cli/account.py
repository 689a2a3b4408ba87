"""`fabnet node account`: the maker of a lab with a computer gets an account for the network's pages."""

from __future__ import annotations

from pathlib import Path

import click

from fabnet import clock
from fabnet.cli.common import NODE_FILE, say
from fabnet.config import load_node
from fabnet.errors import JoinError, LoginRefusedError
from jobs.joining import LEAST_PASSWORD, NOT_LET_IN, Standing


@click.command("account")
@click.argument("login", required=False)
@NODE_FILE
@click.option("--password", help="Asked for when it is not given; at least ten characters.")
def account(login: str | None, config: Path, password: str | None) -> None:
    """Make your account for the network's pages, on a phone too.

    There you count what was printed, pause, change your hours, and get bags fetched. The node's key
    shows that it is you; nobody else is asked. A login that is yours already gets the new password.

    \b
    Example: fabnet node account
             fabnet node account awa --config lab-nord/node.toml
    """
    from fabnet.joining import open_account, standing

    node = load_node(config)  # before anything is asked
    if standing(node, clock.now()).standing is Standing.PENDING:
        raise JoinError(NOT_LET_IN)
    asked = login is None
    login = login or _asked_login()
    if password is None:
        words = "Choose a password: ten characters or more, four or five words are easy to keep"
        password = click.prompt(
            f"{words}\nIt is not shown", hide_input=True, confirmation_prompt="Once more", err=True,
            value_proc=_long_enough,
        )  # fmt: skip
    while True:
        try:
            found = open_account(node, login.strip().lower(), password, clock.now())
            break
        except LoginRefusedError as error:
            if not asked:
                raise
            # The password, typed twice unseen, is kept.
            say(f"fabnet: {error}")
            login = _asked_login()
    click.echo(f"fabnet: sign in as {found.login} at {found.sign_in}, on a phone too")


def _asked_login() -> str:
    words = "Choose a login: small letters and digits, as awa.d"
    return str(click.prompt(words, err=True))


def _long_enough(password: str) -> str:
    if len(password) < LEAST_PASSWORD:
        # click keeps what is wrong with a hidden answer to itself.
        say(f"That has {len(password)} characters")
        raise click.BadParameter(f"at least {LEAST_PASSWORD} are needed")
    return password
