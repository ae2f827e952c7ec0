"""Fixtures that tests share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from support import Result, entry_point

from embedlens_cli.main import main

# Threads that spin while they wait slow the processes of a team down until one gives up.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell has programs that it starts in the background ignore Ctrl-C, and these what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory without runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMBEDLENS_RUNS", raising=False)
    return tmp_path


@pytest.fixture
def cli(folder, monkeypatch, capsys):
    """Call the command line in this process."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["embedlens", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return Result(stopped.value.code, captured.out, captured.err)

    return call


@pytest.fixture
def program(folder):
    """Call the installed program in a process of its own."""

    def call(*words, **options):
        done = subprocess.run(
            [entry_point(), *map(str, words)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            **options,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return call
