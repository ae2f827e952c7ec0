"""Options that are given twice though they take one value, of which the parser would keep the last alone."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIST = re.compile(r"[Cc]omma|\[,|\d,\d")


def refuse_repeated(command: Any, context: Any, arguments: Sequence[str]) -> None:
    """Refuse an option that stands twice on a command line, unless it may be repeated.

    Parameters
    ----------
    command, context
        The command of typer and its context.
    arguments
        The words after the command.

    Raises
    ------
    InputError
        An option of one value, or a pair such as ``--log/--no-log``, that is given twice.
    """
    if context.resilient_parsing:  # a line that is not complete yet
        return
    _, _, order = command.make_parser(context).parse_args(args=list(arguments))
    for parameter, count in Counter(order).items():
        if count > 1 and _takes_one(parameter):
            named = [parameter.opts[0], *parameter.secondary_opts[:1]]
            if parameter.is_flag and all(name in arguments for name in named):
                message = f"{' and '.join(named)} exclude each other; choose one"
                raise InputError(message)
            advice = "join the values with commas" if _is_list(parameter) else "give it once"
            message = f"{parameter.opts[0]} is given {'twice' if count == 2 else f'{count} times'}; {advice}"
            raise InputError(message)


def _takes_one(parameter: Any) -> bool:
    """Return whether a second use of an option would hide the first; a lone flag says the same again."""
    if parameter.param_type_name == "argument" or parameter.multiple or parameter.count:
        return False
    return not parameter.is_flag or bool(parameter.secondary_opts)


def _is_list(parameter: Any) -> bool:
    """Return whether an option takes values separated by commas: its help says so, or has an example."""
    texts = (parameter.help, parameter.metavar, parameter.show_default, parameter.default)
    return any(_LIST.search(text) for text in texts if isinstance(text, str))
