"""Help texts: panels, the question that a command answers, an example, and lines that fit a terminal."""

from __future__ import annotations

import contextlib
import io
import shlex

import pytest
import typer

from embedlens_cli.common import panels
from embedlens_cli.main import app

root = typer.main.get_command(app)
COMMANDS = {name: command for name, command in root.commands.items() if not command.hidden}
TITLES = [panels.START, panels.LOOK, panels.SCORE, panels.TRAIN, panels.BRING_IN]


def help_of(*words):
    """What the program prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        app(args=[*words, "--help"], prog_name="embedlens", standalone_mode=False)
    return printed.getvalue()


def sections(text):
    """The titles of a help text and the first words of the lines below each."""
    found = {}
    for part in text.split("\n\n"):
        title, _, rows = part.partition(":\n")
        if rows and not title.startswith(" ") and "\n" not in title:
            found[title] = [line.split()[0] for line in rows.splitlines() if line[2:3].strip()]
    return found


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_commands_stand_in_panels_each_with_one_line():
    text = help_of()
    found = sections(text)
    assert list(found) == [*TITLES, "Options"]
    assert sorted(name for title in TITLES for name in found[title]) == sorted(COMMANDS)
    assert "scatter" in found[panels.LOOK]
    assert "evaluate" in found[panels.SCORE]
    for name, command in COMMANDS.items():
        line = next(line for line in text.splitlines() if line.startswith(f"  {name} "))
        assert line.endswith(command.short_help), "a command has one line, which is not cut off"
        assert "?" in command.short_help


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS)], ids="-".join)
def test_no_line_is_longer_than_a_terminal(words):
    for width in (80, 60):
        context = {"terminal_width": width}
        lines = help_of(*words).splitlines() if width == 80 else _narrow(words, context).splitlines()
        assert max(map(len, lines)) <= width


def _narrow(words, settings):
    above = root.make_context("embedlens", [], resilient_parsing=True, **settings)
    if not words:
        return root.get_help(above)
    command = COMMANDS[words[0]]
    return command.get_help(command.context_class(command, info_name=words[0], parent=above, **settings))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_begins_with_the_question_and_one_example_that_parses(name):
    command = COMMANDS[name]
    usage, question, example, explained = help_of(name).split("\n\n", 4)[:4]
    assert usage.startswith(f"Usage: embedlens {name} ")
    assert question == f"  {command.short_help}"
    assert explained.strip()
    assert example.startswith(f"  Example: embedlens {name}")
    assert "\n" not in example
    words = shlex.split(example.removeprefix("  Example: embedlens "))
    above = root.make_context("embedlens", [], resilient_parsing=True)
    context = command.context_class(command, info_name=name, parent=above)
    _, left, order = command.make_parser(context).parse_args(words[1:])
    assert not left
    assert len(order) >= len([word for word in words if word.startswith("--")])


@pytest.mark.parametrize("name", COMMANDS)
def test_options_stand_in_panels_in_one_order(name):
    found = sections(help_of(name))
    assert list(found) == [title for title in panels.ORDER if title in found]
    listed = [option for title, options in found.items() if title != "Arguments" for option in options]
    assert len(listed) == len(set(listed))
    visible = [one for one in COMMANDS[name].params if not one.hidden and one.opts[0].startswith("-")]
    assert len(listed) == len(visible) + 1  # --help
    if "--venue" in listed:
        assert {"--venue", "--json", "--format"} <= set(found[panels.OUTPUT])
    if "--epoch" in listed:
        assert "--epoch" in found[panels.READ]
    if name not in ("demo", "info", "import", "concat"):
        assert len(found) >= 4


def test_names_with_hyphens_are_not_broken():
    text = help_of("train")
    for name in ("pytorch-metric-learning", "distance-weighted", "semi-hard-range", "hard-class"):
        assert name in text
    assert not any(line.endswith("-") for line in text.splitlines())


def test_a_group_may_not_move_an_option_that_names_its_own_panel():
    panel = {one.name: panels.panel_of(one, ()) for one in COMMANDS["evaluate"].params}
    assert panel["log"] == panels.OUTPUT
    shared = {one.name: panels.panel_of(one, ()) for one in COMMANDS["spectrum"].params}
    assert shared["log"] == "Options"
    assert shared["split"] == panels.READ
