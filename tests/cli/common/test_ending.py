"""How the program ends in odd places: closed pipes, poor consoles, full or read-only disks, few handles."""

from __future__ import annotations

import errno
import json
import os
import resource
import shlex
import subprocess
import sys

import pytest
from support import assert_refused, entry_point, tree, write_run

import embedlens
from embedlens import artifacts
from embedlens.measurements import description
from embedlens.store import lock_files


@pytest.fixture
def run(folder):
    return write_run(folder / "runs/mine")


@pytest.mark.slow
@pytest.mark.parametrize("words", ["info mine", "info mine --json", "evaluate mine --csv"])
def test_a_reader_that_leaves_is_no_failure(run, folder, words):
    """The pipe is closed before anything is written, which is what `| head -0` may do."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [entry_point(), *words.split()], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) in ((0, ""), (141, ""))


def test_head(run, folder):
    line = f"{shlex.quote(entry_point())} info mine | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    first, code = done.stdout.splitlines()
    assert first.startswith("run mine")
    assert code in ("0", "141")
    assert done.stderr == ""


def test_standard_output_on_a_full_disk(run, folder):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [entry_point(), "info", "mine"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith("embedlens: no space left")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_poor_consoles_have_plain_bars_and_escapes(program, folder, encoding):
    write_run(folder / "runs/mine", name="größe 大")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = program("info", "mine", env=environment, encoding=encoding)
    assert done.code == 0, done.err
    assert "##" in done.out
    assert "\\u5927" in done.out
    assert "█" in program("info", "mine", env={**os.environ, "PYTHONIOENCODING": "utf-8"}).out


@pytest.mark.slow
def test_few_file_handles(program, run):
    """Whatever cannot be opened any more, a library or a file, it is one line."""

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))

    done = program("evaluate", "mine", preexec_fn=limit)
    if done.code:
        assert_refused(done, "too many open files; allow more")


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (MemoryError("Unable to allocate 9 TiB"), "not enough memory (Unable to allocate 9 TiB)"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9"), "not enough memory"),
        (OSError(5, "Input/output error", "x.npy"), "x.npy: Input/output error"),
        (OSError(24, "Too many open files", "x.npy"), "too many open files; allow more"),
        (ImportError("libtorch.so: cannot open shared object file: Too many open files"), "too many open"),
    ],
)
def test_faults_of_the_machine_are_not_internal_errors(cli, run, monkeypatch, error, part):
    def broken(*_args):
        raise error

    monkeypatch.setattr(description, "describe_run", broken)
    assert_refused(cli("info", "mine"), part)


def test_the_end_of_a_file_is_not_an_interruption(cli, run, monkeypatch):
    def broken(*_args):
        message = "Ran out of input"
        raise EOFError(message)

    monkeypatch.setattr(description, "describe_run", broken)
    done = cli("info", "mine")
    assert done.code == 1
    assert "EOFError: Ran out of input" in done.err


SCRIPT = """
import logging, sys, warnings
from embedlens_cli import main
from embedlens.measurements import description
from embedlens.errors import InputWarning

def noisy(*_arguments):
    for number in range(3):
        warnings.warn_explicit(f"odd {number}", UserWarning, "/x/site-packages/PIL/Tiff.py", number)
        logging.getLogger("matplotlib.font_manager").warning("findfont: %s", "none")
        warnings.warn("look at this", InputWarning)
    raise warned

from embedlens.errors import InputError
warned = InputError("the end")
description.describe_run = noisy
sys.argv = ["embedlens", "info", "mine"]
main.main()
"""


def test_warnings_of_libraries_are_one_line_each(run, folder):
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "warning: look at this",
        "embedlens: the end",
        "warning: PIL warns: odd 0 (and 2 more like it)",
        "warning: matplotlib warns: findfont: none (and 2 more like it)",
    ]


def _read_only(monkeypatch):
    """Root may write anywhere, so the system's answer is changed instead of the folder."""
    access = os.access
    monkeypatch.setattr(
        artifacts.os, "access", lambda path, mode: mode != os.W_OK | os.X_OK and access(path, mode)
    )


@pytest.mark.parametrize("words", ["evaluate", "scatter", "pca-prune --dims 4,2"])
def test_a_read_only_run_is_scored(cli, run, folder, monkeypatch, words):
    before = tree(folder)
    name, *rest = words.split()
    saved = cli(name, "mine", *rest, "--out", "elsewhere")
    _read_only(monkeypatch)
    done = cli(name, "mine", *rest)
    assert done.code == 0
    assert "figures cannot be written to; nothing is saved" in done.err
    assert "--out" in done.err
    kept = [line for line in saved.out.splitlines() if not line.startswith("wrote")]
    assert done.out.splitlines() == kept
    assert json.loads(cli(name, "mine", *rest, "--json").out)["data"] == []
    assert {name: raw for name, raw in tree(folder).items() if not name.startswith("elsewhere")} == before


def test_a_log_that_cannot_be_written_names_the_run(cli, run, monkeypatch):
    def refuse(path, *args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(lock_files.Path, "write_text", refuse)
    done = cli("evaluate", "mine", "--metrics", "R@1", "--log")
    assert_refused(done, "runs/mine cannot be written to (Read-only file system)", "leave out --log")
    assert "partial" not in done.err
    with pytest.raises(OSError, match="Read-only file system") as caught:
        embedlens.Recorder(run.path, labels={s: run.labels(s) for s in run.splits}, resume=True)
    assert caught.value.filename == str(run.path.resolve())


@pytest.mark.slow
def test_a_file_system_that_is_mounted_read_only(program, folder):
    (folder / "runs").mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", "runs"], check=False)
    if made.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        write_run(folder / "runs/mine")
        subprocess.run(["mount", "-o", "remount,ro", "runs"], check=True)
        done = program("evaluate", "mine")
        assert done.code == 0
        assert "R@1" in done.out
        assert "nothing is saved" in done.err
        logged = program("evaluate", "mine", "--log")
        assert_refused(logged, "runs/mine cannot be written to (Read-only file system)", "leave out --log")
        assert "partial" not in logged.err
        assert_refused(program("evaluate", "mine", "--out", "runs/x"), "Read-only file system")
    finally:
        subprocess.run(["umount", "runs"], check=True)


def test_runs_without_a_snapshot_are_left_out(cli, folder):
    for name in ("a", "b"):
        write_run(folder / f"runs/{name}")
    for name in ("empty", "none"):
        write_run(folder / f"runs/{name}", epochs=0)
    done = cli("evaluate", "empty", "a", "b", "none", "--json")
    assert done.code == 0
    assert "warning: runs without a snapshot are left out: runs/empty, runs/none" in done.err
    assert done.out == cli("evaluate", "a", "b", "--json").out
    for command in ("scatter", "curves", "distances"):
        assert cli(command, "empty", "a").code == 0
    assert_refused(cli("evaluate", "empty", "none"), "none of the 2 runs has a snapshot yet")
    assert_refused(cli("evaluate", "none"), "run 'none' has no snapshot yet")
    assert cli("info", "empty", "a").code == 0
    assert_refused(cli("concat", "empty", "a", "--out", "new"), "empty")
