"""The commands of the program by name; each is imported and built when it is first used."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from embedlens_cli.common import panels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Entry:
    """A command of the program.

    Attributes
    ----------
    panel
        The panel that it stands in.
    module
        Its module in `embedlens_cli.commands`.
    question
        The question that it answers: its line in the help of the program.
    example
        An example of its use, whose first word is its name.
    """

    panel: str
    module: str
    question: str
    example: str

    @property
    def name(self) -> str:
        """The name as it is typed."""
        return self.example.split()[0]

    @property
    def function(self) -> str:
        """Name of the function; that of `import`, a word of Python, has an underscore."""
        name = self.name.replace("-", "_")
        return f"{name}_" if name == "import" else name

    def command(self) -> Any:
        """Import the module and build the command."""
        module = importlib.import_module(f"embedlens_cli.commands.{self.module}")
        function = getattr(module, self.function)
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        single.command(
            self.name,
            cls=panels.PanelCommand,
            help=f"{self.question}\n\nExample: embedlens {self.example}\n\n{inspect.getdoc(function)}",
            short_help=self.question,
            rich_help_panel=self.panel,
        )(function)
        return typer.main.get_command(single)


class CommandsByName(MutableMapping[str, Any]):
    """Commands by name, in the order of their entries.

    Building all of them takes 0.2 s, of which a command that runs needs a twentieth.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._commands: dict[str, Any] = {entry.name: entry for entry in entries}

    def __getitem__(self, name: str) -> Any:
        """Return a command."""
        if isinstance(found := self._commands[name], Entry):
            found = self._commands[name] = found.command()
        return found

    def __setitem__(self, name: str, command: Any) -> None:
        """Enter a command that is built."""
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        """Remove a command."""
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        """Give the names."""
        return iter(self._commands)

    def __len__(self) -> int:
        """Return the number of commands."""
        return len(self._commands)
