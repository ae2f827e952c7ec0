"""Options that are given twice, of which the parser would keep the last alone."""

from __future__ import annotations

import pytest
import typer
from support import assert_refused, write_run

from embedlens_cli.main import app


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("curves mine --metrics loss --metrics nmi", "--metrics is given twice; join the values with commas"),
        ("curves mine --metrics=loss --x step --metrics nmi", "--metrics is given twice; join"),
        ("scatter mine --split train --split test", "--split is given twice; join the values with commas"),
        ("pca-prune mine --dims 4 --dims 2", "--dims is given twice; join the values with commas"),
        ("compare --method plain --method abe", "--method is given twice; join the values with commas"),
        ("train --method plain --method abe", "--method is given twice; give it once"),
        ("curves mine --x step --x epoch --x step", "--x is given 3 times; give it once"),
        ("scatter mine --title --no-title", "--title and --no-title exclude each other; choose one"),
        ("identify mine --new-label 3 --unknown-class 4", "--unknown-class is given twice; give it once"),
    ],
)
def test_an_option_of_one_value_is_given_once(cli, words, message):
    assert_refused(cli(*words.split()), message)


def test_help_is_shown_all_the_same(cli):
    done = cli("curves", "--metrics", "a", "--metrics", "b", "--help")
    assert (done.code, done.err) == (0, "")


def test_what_may_be_repeated_is_not_refused(cli, folder):
    write_run(folder / "runs/mine")
    assert cli("info", "mine", "--json", "--json").code == 0
    done = cli("import", "none-*.npy", "--out", "new", "--method", "loss=a", "--method", "lr=1")
    assert "given twice" not in done.err


def test_every_command_refuses_it():
    """A command that is added without the class of the others would drop values."""
    program = typer.main.get_command(app)
    assert {type(command).__name__ for command in program.commands.values()} == {"PanelCommand"}
