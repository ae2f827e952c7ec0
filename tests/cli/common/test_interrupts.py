"""Ctrl-C stops the program also where its exception is dropped."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import time
import weakref

import pytest
from support import write_run

from embedlens_cli.common import interrupts


class Thing:
    """Something that can be referred to weakly."""


def _in_a_callback():
    thing = Thing()
    reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing
    gc.collect()
    return reference


def _in_a_finalizer():
    class Ending:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    Ending()
    gc.collect()


@pytest.mark.parametrize("where", [_in_a_callback, _in_a_finalizer])
def test_what_python_drops_comes_again(where, capsys):
    before = sys.unraisablehook, signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interrupts.kept():  # noqa: PT012 - it comes a little later
        where()
        time.sleep(20)
        pytest.fail("Ctrl-C was lost")
    assert (sys.unraisablehook, signal.getsignal(signal.SIGINT)) == before
    assert capsys.readouterr().err == ""


def test_what_a_library_drops_is_noted():
    with interrupts.kept():
        interrupts.check()
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            pass
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    with interrupts.kept():
        interrupts.check()


def test_other_exceptions_of_finalizers_are_printed_as_before(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)

    class Broken:
        def __del__(self):
            raise ValueError

    with interrupts.kept():
        Broken()
        gc.collect()
    assert [one.exc_type for one in seen] == [ValueError]


_PROGRAM = """
import signal, sys
import embedlens.measurements.following as following

def dropped(name):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        return None

following.begun_run = dropped
from embedlens_cli.main import main
main()
"""


def test_a_loop_without_an_end_stops(folder):
    write_run(folder / "runs/mine", n=24, epochs=1)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, "watch", "mine", "--every", "0.1"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 130, done
    assert done.stderr.endswith("embedlens: stopped\n")
