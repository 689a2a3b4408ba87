"""`fabnet node account`: the maker of a lab with a computer gets an account for the network's pages."""

from __future__ import annotations

from pathlib import Path

import click

from fabnet import clock
from fabnet.cli.common import NODE_FILE, say
from fabnet.cli.language import gettext
from fabnet.cli.questions import new_password
from fabnet.cli.said_below import in_language
from fabnet.config import load_node
from fabnet.errors import JoinError, LoginRefusedError
from jobs.joining import NOT_LET_IN, Standing


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
        password = new_password()
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
