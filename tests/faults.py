"""Kills at every file operation: what tests of them share."""

from __future__ import annotations

import os

from embedlens.store import lock

OPERATIONS = ("replace", "rename", "fsync", "unlink", "link", "mkdir", "rmdir")


class Killed(BaseException):
    """Stands for a kill: nothing is tidied after it."""


class Faults:
    """Counts file operations, and lets none happen from the one on at which the process is killed."""

    def __init__(self, monkeypatch, at=None, only=OPERATIONS):
        self.at, self.count, self.names = at, 0, []
        for name in only:
            monkeypatch.setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name, own):
        def call(*args, **options):
            if self.at is not None and self.count >= self.at:
                raise Killed(name)
            self.count += 1
            self.names.append(name)
            return own(*args, **options)

        return call


def forget_locks():
    """Make this process one that knows nothing of its locks, as the next process does."""
    for held in lock._HELD.values():
        held.pid = -1
    lock._HELD.clear()


def kill_at_each(monkeypatch, action, *, step=1):
    """Run an action, killed at every file operation in turn; yield the operation's number after each kill."""
    number = 0
    while True:
        with monkeypatch.context() as patch:
            faults = Faults(patch, number)
            try:
                action()
            except Killed:
                pass
            else:
                if faults.count <= number:
                    return
        forget_locks()
        yield number
        number += step


EXIT_SCRIPT = f"""
import os, sys
at = int(sys.argv.pop(1))
count = 0
def wrapped(own):
    def call(*args, **options):
        global count
        if count >= at:
            os._exit(9)
        count += 1
        return own(*args, **options)
    return call
for name in {OPERATIONS!r}:
    setattr(os, name, wrapped(getattr(os, name)))
from embedlens_cli.main import main
main()
"""
"""The command line, which ends by `os._exit` at the file operation of the number given first."""
