"""Tasks that tests run in workers, which import this module."""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from functools import partial
from pathlib import Path

from embedlens.errors import InputError, InputWarning
from embedlens.execution import Workers, run_tasks


def square(number):
    return number * number


def note(number, *, folder):
    """Leave a file, so that a test sees which tasks have run."""
    (Path(folder) / str(number)).touch()
    return number


def die_once(number, *, folder):
    """Kill the worker of task 3 when it runs for the first time."""
    mark = Path(folder) / "died"
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def die(number):
    """Kill the worker of task 1 whenever it runs."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def warn(number):
    warnings.warn("odd" if number % 2 else "even", InputWarning, stacklevel=1)
    return number


def refuse(number):
    if number == 2:
        message = "two is refused"
        raise InputError(message)
    return number


class OddError(Exception):
    """An error that cannot be pickled and read again."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def fail(number):
    raise OddError(number, "more")


def threads(_):
    return os.environ["OMP_NUM_THREADS"], os.getpid()


def where(_):
    return os.getcwd()


def wait(number, *, folder):
    (Path(folder) / f"pid-{os.getpid()}").touch()
    time.sleep(60)


if __name__ == "__main__":  # is interrupted while its workers wait
    try:
        list(run_tasks(partial(wait, folder=sys.argv[1]), range(4), executor=Workers.of(2)))
    except KeyboardInterrupt:
        sys.exit(130)
