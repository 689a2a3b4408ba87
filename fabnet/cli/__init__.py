"""The command line: reads options and configuration, calls one thing, prints one answer.

Exit status: 0 done, 1 refused with one sentence that says what to do, 2 wrong usage. Commands
import what they need when they run: a node has no Flask, and `--help` is quick.
"""

from __future__ import annotations

import getpass
import logging
import os
import sqlite3
import sys
import warnings

import click

from fabnet import logs
from fabnet.cli.account import account
from fabnet.cli.backup import backup, restore
from fabnet.cli.common import ERRORS, book_words, file_words, is_full, say
from fabnet.cli.coordinator import doctor, export_okw, mail_test, person, serve
from fabnet.cli.demo import demo
from fabnet.cli.depot import depot
from fabnet.cli.designs import design
from fabnet.cli.estimates import estimate
from fabnet.cli.help_words import speak_help
from fabnet.cli.install import install, uninstall
from fabnet.cli.language import gettext, speak
from fabnet.cli.leave import leave
from fabnet.cli.node import node
from fabnet.cli.offline import OWNER_COMMANDS
from fabnet.cli.plans import begin, plan, stock
from fabnet.cli.reports import lot
from fabnet.cli.said_below import in_language
from fabnet.cli.setup import setup
from fabnet.cli.sim import sim_printer
from fabnet.cli.trial import test_print


def main() -> None:
    """Run the command line; expected errors become one sentence and exit status 1."""
    # A password that comes through a pipe is a script's: it knows that nothing is hidden there.
    warnings.simplefilter("ignore", getpass.GetPassWarning)
    speak()
    speak_help(fabnet)
    try:
        fabnet(standalone_mode=False)
    except click.exceptions.Abort as error:
        if isinstance(error.__context__, EOFError):
            say("\n" + _nobody_answers())
            sys.exit(1)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ERRORS as error:
        say(gettext("fabnet: %(words)s", words=in_language(str(error))))
        sys.exit(1)
    except OSError as error:
        # A write that fails names no file; of a full disk a person needs to know no more.
        if error.filename is None and not is_full(error):
            raise
        logging.getLogger("fabnet").debug("the system refused", exc_info=True)
        named = str(error.filename).removesuffix(".part") + ": " if error.filename else ""
        say(f"fabnet: {named}{file_words(error)}")
        if not error.filename:  # what is left of it would be written, and fail, at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except sqlite3.OperationalError as error:
        words = book_words(error)
        if words is None:
            raise
        logging.getLogger("fabnet").debug("the database refused", exc_info=True)
        say(f"fabnet: {words}")
        sys.exit(1)


def _nobody_answers() -> str:
    return gettext(
        "fabnet: it asks, and nobody is there to answer. Run it in a terminal; or give the answers as"
        " options, which --help behind the same command names"
    )


@click.group(context_settings={"max_content_width": 100})
@click.version_option(package_name="fabnet")
@click.option("-v", "--verbose", is_flag=True, help="Write debug lines to the log.")
def fabnet(verbose: bool) -> None:
    """Lets a network of makers do the work of a factory."""
    logs.set_up(verbose=verbose)


for _command in (
    serve,
    node,
    person,
    design,
    estimate,
    plan,
    begin,
    stock,
    depot,
    lot,
    doctor,
    mail_test,
    demo,
    sim_printer,
    backup,
    restore,
    export_okw,
):
    fabnet.add_command(_command)
for _command in OWNER_COMMANDS:
    node.add_command(_command)
for _command in (setup, test_print, install, uninstall, account, leave):
    node.add_command(_command)
