"""Options that `embedlens figures` hands to the commands of its figures."""

from __future__ import annotations

import pytest
import typer
from support import assert_refused, write_run

from embedlens_cli.common import calling
from embedlens_cli.main import app


@pytest.fixture
def typed(cli, folder, monkeypatch):
    """What the command has other commands do."""
    write_run(folder / "runs/mine", n=24, epochs=2)
    (folder / "paper").mkdir()
    calls = []

    def answer_of(_context, words, beside=()):
        calls.append(list(words))
        return {"figures": [], "data": [], "latex": []}

    monkeypatch.setattr(calling, "answer_of", answer_of)

    def call(*words):
        calls.clear()
        done = cli("figures", "mine", "--out", "paper", *words)
        return done, calls

    return call


def test_items_are_left_out_of_every_figure(typed):
    done, calls = typed("--ignore-label", "1,2", "--distractor-label", "0", "--exclude-duplicates")
    assert done.code == 0, done.err
    program = typer.main.get_command(app)
    assert len(calls) == 10
    for words in calls:
        searches = words[0] not in ("components", "tsne")
        ignored = "1,2" if searches else "1,2,0"
        assert words[words.index("--ignore-label") + 1] == ignored
        assert ("--distractor-label" in words) == searches
        assert "--exclude-duplicates" in words
        program.commands[words[0]].make_context(words[0], words[1:])  # each has these options
    assert not any("--ignore-label" in words for words in typed()[1])


def test_an_unknown_class_is_refused_at_once(typed):
    done, calls = typed("--ignore-label", "77")
    assert_refused(done, "unknown class '77'")
    assert calls == []
