"""What the program says of its commands and options: the material of their reference pages."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from embedlens_cli.common.panels import panel_of
from embedlens_cli.main import FORMER_NAMES, app

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = "embedlens"
_WIDTH = 80  # of the help text that the index shows


@dataclass(frozen=True, slots=True)
class OptionText:
    """What a page says of one argument or option.

    Attributes
    ----------
    names
        Its spellings, e.g. ``--title`` and ``--no-title``; of an argument its placeholder.
    declaration
        The spellings with the placeholder of the value, as ``--help`` shows them.
    text
        The help.
    note
        Default, range and whether it is required, as ``--help`` says; may be empty.
    group
        The section of the page that it stands in, as in ``--help``.
    former
        Former spellings that are still read.
    """

    names: tuple[str, ...]
    declaration: str
    text: str
    note: str
    group: str
    former: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandText:
    """What a page says of one command.

    Attributes
    ----------
    name
        Its name as typed, without the program's.
    group
        The group of commands that ``--help`` shows it in.
    usage
        The usage line.
    text
        The help: paragraphs. The first says what the command answers, the second is an example.
    arguments, options
        What it takes; hidden options are left out.
    """

    name: str
    group: str
    usage: str
    text: str
    arguments: tuple[OptionText, ...]
    options: tuple[OptionText, ...]

    @property
    def answer(self) -> str:
        """What the command answers: its line in ``embedlens --help``, the first of its help."""
        return " ".join(self.text.split("\n\n", 1)[0].split())


def program() -> Any:
    """Return the program as the object that parses command lines."""
    return typer.main.get_command(app)


def commands() -> list[CommandText]:
    """Return all visible commands, in the order of ``embedlens --help``."""
    root = program()
    above = _context(root)
    return [
        _command(root.commands[name], name, above)
        for name in root.list_commands(above)
        if not root.commands[name].hidden
    ]


def program_options() -> tuple[OptionText, ...]:
    """Return the options of the program itself, which stand before a command."""
    root = program()
    return tuple(_parameters(root, _context(root)))


def program_help() -> str:
    """Return what ``embedlens --help`` prints."""
    root = program()
    text: str = root.get_help(_context(root))
    return text


def _context(root: Any) -> Any:
    """Return the program's context, with its settings; nothing is run."""
    return root.make_context(PROGRAM, [], resilient_parsing=True, terminal_width=_WIDTH)


def _command(command: Any, name: str, above: Any) -> CommandText:
    context = command.context_class(command, info_name=name, parent=above)
    usage = " ".join([f"{PROGRAM} {name}", *command.collect_usage_pieces(context)])
    every = list(_parameters(command, context))
    arguments = tuple(one for one in every if not one.names[0].startswith("-"))
    return CommandText(
        name,
        command.rich_help_panel if isinstance(command.rich_help_panel, str) else "",
        usage,
        inspect.cleandoc(command.help or ""),
        arguments,
        tuple(one for one in every if one not in arguments),
    )


def _parameters(command: Any, context: Any) -> Iterator[OptionText]:
    """Give what ``--help`` lists, in its order."""
    known = {parameter.name for parameter in command.params}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:
            continue
        declaration, described = record
        own = (parameter.help or "").strip()
        note = described.removeprefix(own).strip() if described.startswith(own) else ""
        names = (*parameter.opts, *parameter.secondary_opts)
        if parameter.param_type_name == "argument":
            names = (parameter.metavar or parameter.name.upper(),)
        former = tuple(f"--{old}" for old, new in FORMER_NAMES.items() if f"--{new}" in names)
        group = panel_of(parameter, known)
        yield OptionText(names, declaration, own, note.removeprefix("[").removesuffix("]"), group, former)
