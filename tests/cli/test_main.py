from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys

import pytest
from support import assert_refused, tree, write_run

import embedlens
from embedlens.measurements import description
from embedlens_cli.main import main


def test_help_and_version(program):
    done = program("--help")
    assert done.code == 0
    for command in ("demo", "train", "import", "info", "scatter"):
        assert f"\n  {command}" in done.out
    assert program("--version").out.strip() == f"embedlens {embedlens.__version__}"


@pytest.mark.parametrize(
    ("words", "part"),
    [(["scater"], "scater"), (["info", "--jsn"], "--jsn"), (["train", "--dim", "many"], "--dim")],
)
def test_wrong_usage_is_one_line(program, words, part):
    assert_refused(program(*words), part)


def test_no_command_shows_the_help(program):
    done = program()
    assert done.code == 0
    assert "\nTrain and compare:\n" in done.out


def test_our_fault_is_one_line_with_exit_1_and_a_traceback_on_demand(cli, folder, monkeypatch):
    write_run(folder / "runs/mine")

    def broken(*_args):
        message = "two\nlines"
        raise RuntimeError(message)

    monkeypatch.setattr(description, "describe_run", broken)
    done = cli("info", "mine")
    assert done.code == 1
    assert done.err == "embedlens: RuntimeError: two lines (internal error; --debug shows the traceback)\n"
    monkeypatch.setattr(sys, "argv", ["embedlens", "info", "mine", "--debug"])
    with pytest.raises(RuntimeError, match="two"):
        main()


def test_interrupted(cli, folder, monkeypatch):
    write_run(folder / "runs/mine")

    def interrupted(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(description, "describe_run", interrupted)
    done = cli("info", "mine")
    assert done.code == 130
    assert "stopped" in done.err


def test_no_space_left_while_drawing(cli, folder, monkeypatch):
    write_run(folder / "runs/mine")
    before = tree(folder)

    def full(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "figure.pdf")

    monkeypatch.setattr(os, "fsync", full)
    assert_refused(cli("scatter", "mine"), "no space left", "figure.pdf")
    assert tree(folder) == before


@pytest.mark.slow
def test_no_space_left_for_real(program, folder):
    """The kernel refuses to let any file grow beyond 20 kB, in the middle of a write."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    write_run(folder / "runs/mine", epochs=1, splits=("test",))
    before = tree(folder)
    assert_refused(program("scatter", "mine", preexec_fn=limit), "no space left")
    assert [name for name in tree(folder) if "partial" in name] == []
    assert {name: raw for name, raw in tree(folder).items() if name in before} == before
    done = program("train", "--data", "digits", "--epochs", "1", "--out", "runs/new", preexec_fn=limit)
    assert_refused(done, "no space left")
    assert not (folder / "runs/new").exists()


def test_a_place_that_cannot_be_written(cli, folder):
    write_run(folder / "runs/mine")
    (folder / "taken").write_text("a file")
    assert_refused(cli("scatter", "mine", "--out", "taken"), "taken")


def test_a_command_loads_no_other_one(folder):
    write_run(folder / "runs/mine")
    script = (
        "import sys; sys.argv = ['embedlens', 'info', 'mine']\n"
        "from embedlens_cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*(name for name in sys.modules if name.startswith('embedlens_cli.commands.')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "embedlens_cli.commands.info"


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [({}, "None 5000"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"), ({"GOMP_SPINCOUNT": "7"}, "None 7")],
)
def test_threads_spin_for_a_short_time_unless_the_user_has_chosen(chosen, expected):
    script = (
        "import os, sys; sys.argv = ['embedlens', '--version']\n"
        "from embedlens_cli.main import main\n"
        "assert 'torch' not in sys.modules\n"
        "try: main()\n"
        "except SystemExit: print(os.environ.get('OMP_WAIT_POLICY'), os.environ.get('GOMP_SPINCOUNT'))"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment | chosen, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == expected
