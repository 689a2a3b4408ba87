"""`--help` in the language of the terminal: its words are taken from the commands, not marked in them.

What `words` finds is what the catalogue has to hold, so a command or an option that somebody adds is asked
for its French by a test.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from fabnet.cli.language import gettext

#: Begins the block of commands to copy, which are the same in every language.
_EXAMPLE = "Example: "
#: Keeps the lines of a paragraph as they are.
_AS_IS = "\b\n"


def words(command: click.Command) -> Iterator[str]:
    """Yield everything that `speak_help` looks up for a command and all below it."""
    yield from (each for each in _paragraphs(command) if not each.startswith(_AS_IS))
    for parameter in command.params:
        yield from _words_of(parameter)
    if isinstance(command, click.Group):
        yield command.subcommand_metavar
        for each in command.commands.values():
            yield from words(each)
    yield _EXAMPLE


def speak_help(command: click.Command) -> None:
    """Put the help of a command, and of all below it, into the language of the terminal."""
    paragraphs = [_said(each) for each in _paragraphs(command)]
    command.help = "\n\n".join(paragraphs)
    # Lists of commands show a sentence whole: click would cut it at the edge.
    command.short_help = re.split(r"\.(?= |$)", paragraphs[0])[0] if paragraphs else None
    for parameter in command.params:
        _speak_parameter(parameter)
    if isinstance(command, click.Group):
        command.subcommand_metavar = gettext(command.subcommand_metavar)
        for each in command.commands.values():
            speak_help(each)


def _words_of(parameter: click.Parameter) -> Iterator[str]:
    if isinstance(parameter, click.Option):
        yield parameter.help or ""
    if not isinstance(parameter, click.Option) or not parameter.is_flag:
        yield _called(parameter)


def _called(parameter: click.Parameter) -> str:
    """Return what stands for the value of a parameter, without brackets; "" where its choices do."""
    if parameter.metavar:
        return parameter.metavar
    if isinstance(parameter, click.Argument):
        return (parameter.name or "").upper()
    return "" if isinstance(parameter.type, click.Choice) else parameter.type.name


def _speak_parameter(parameter: click.Parameter) -> None:
    called = gettext(_called(parameter)) if _called(parameter) else ""
    if isinstance(parameter, click.Option):
        parameter.help = gettext(parameter.help) if parameter.help else None
        if called and parameter.metavar:
            parameter.metavar = called
        elif called:
            # Its faults name it too: "'x' is not a valid integer".
            parameter.type.name = called
        return
    if not parameter.metavar:
        called = called if parameter.required else f"[{called}]"
        called += "..." if parameter.nargs != 1 else ""
    parameter.metavar = called


def _paragraphs(command: click.Command) -> list[str]:
    """Return the paragraphs of a command's help, each in one line but for those kept as they are."""
    each = inspect.cleandoc(command.help or "").split("\n\n")
    return [one if one.startswith(_AS_IS) else " ".join(one.split()) for one in each if one]


def _said(paragraph: str) -> str:
    if not paragraph.startswith(_AS_IS):
        return gettext(paragraph)
    mark = gettext(_EXAMPLE)
    kept = paragraph.removeprefix(_AS_IS).replace(_EXAMPLE, mark)
    # What goes on below stands under what it belongs to.
    return _AS_IS + re.sub(f"(?m)^ {{{len(_EXAMPLE)}}}", " " * len(mark), kept)
