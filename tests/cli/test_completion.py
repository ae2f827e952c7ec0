"""What the shell is told to complete."""

from __future__ import annotations

import os

import pytest
from support import write_run


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("embedlens sca", ["scatter"]),
        ("embedlens info f-", ["f-one", "f-two"]),
        ("embedlens scatter --split te", ["test"]),
        ("embedlens scatter --split train,te", ["train,test"]),
        ("embedlens scatter --anim", ["--animate"]),
    ],
)
def test_commands_options_runs_and_splits(program, folder, words, completed):
    for name in ("f-one", "f-two", "other"):
        write_run(folder / "runs" / name, epochs=1)
    variables = {"_EMBEDLENS_COMPLETE": "complete_bash", "COMP_WORDS": words}
    variables["COMP_CWORD"] = str(len(words.split()) - 1)
    done = program(env={**os.environ, **variables})
    assert done.code == 0, done.err
    assert [line.strip() for line in done.out.splitlines()] == completed
