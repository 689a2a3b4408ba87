"""`fabnet node account`: the maker of a lab with a computer gets an account for the network's pages."""

from __future__ import annotations

from pathlib import Path

import click

from fabnet import clock
from fabnet.cli.common import NODE_FILE, say
from fabnet.cli.language import gettext
from fabnet.cli.said_below import in_language
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
        words = gettext(
            "Choose a password: ten characters or more, four or five words are easy to keep\n"
            "It is not shown"
        )
        password = click.prompt(
            words, hide_input=True, err=True,
            confirmation_prompt=gettext("Once more"), value_proc=_long_enough,
        )  # fmt: skip
    while True:
        try:
            found = open_account(node, login.strip().lower(), password, clock.now())
            break
        except LoginRefusedError as error:
            if not asked:
                raise
            # The password, typed twice unseen, is kept.
            say(gettext("fabnet: %(words)s", words=in_language(str(error))))
            login = _asked_login()
    told = gettext(
        "fabnet: sign in as %(login)s at %(page)s, on a phone too",
        login=found.login,
        page=found.sign_in,
    )
    click.echo(told)


def _asked_login() -> str:
    words = gettext("Choose a login: small letters and digits, as awa.d")
    return str(click.prompt(words, err=True))


def _long_enough(password: str) -> str:
    if len(password) < LEAST_PASSWORD:
        # click keeps what is wrong with a hidden answer to itself.
        say(gettext("That has %(many)s characters", many=len(password)))
        raise click.BadParameter(gettext("at least %(many)s are needed", many=LEAST_PASSWORD))
    return password
