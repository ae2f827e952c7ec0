"""Identity of processes: host, boot, number and start time, and whether one still runs."""

from __future__ import annotations

import functools
import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process, distinguishable from all others that may ever write to a shared disk.

    Attributes
    ----------
    host
        Name of the host.
    machine
        Identity of the host's installation, which two hosts of one name do not share; "" where unknown.
    boot
        Identity of the start of the host; "" where unknown.
    space
        Namespace of the process numbers (each container has one); "" where unknown.
    pid
        Number of the process.
    started
        When it started, in ticks since the host's start; "" where unknown. A process that has the number of
        an earlier one has another start.
    """

    host: str
    machine: str
    boot: str
    space: str
    pid: int
    started: str

    @classmethod
    def current(cls) -> Process:
        """Return this process."""
        pid = os.getpid()
        return cls(*_place(), pid, _started(pid))

    @property
    def is_gone(self) -> bool:
        """Whether it is certain that the process has ended; never of another host or container."""
        host, machine, boot, space = _place()
        if (self.host, self.machine) != (host, machine):
            return False
        if self.boot != boot:
            return bool(self.boot and boot)
        if self.space != space or not _can_ask():
            return False
        return not is_alive(self.pid) or bool(self.started and self.started != _started(self.pid))

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def place_digest() -> str:
    """Return eight hexadecimal digits for this host and container, a part of names of temporary files."""
    host, machine, _, space = _place()
    return hashlib.sha256("\n".join((host, machine, space)).encode()).hexdigest()[:8]


def available_processors() -> int:
    """Return the number of processors that this process may use, by its affinity and its control group."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _quota() or allowed))


def _quota() -> int | None:
    """Return the processors that the control group (of a container, a Slurm job) grants; None: no limit."""
    for line in _said("/proc/self/cgroup").splitlines():
        controllers, _, group = line.partition(":")[2].partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        for folder in (group, ""):  # inside a container the group is the root of what it sees
            if not controllers:  # version 2
                quota, _, period = _said(f"/sys/fs/cgroup{folder}/cpu.max").partition(" ")
            else:
                place = f"/sys/fs/cgroup/cpu{folder}/cpu.cfs"
                quota, period = _said(f"{place}_quota_us"), _said(f"{place}_period_us")
            if quota.isdecimal() and period.isdecimal() and int(period):
                return max(1, -(-int(quota) // int(period)))
    return None


def is_alive(pid: int) -> bool:
    """Return whether a process of this number runs on this host; a zombie does not."""
    if not _can_ask():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return _status(pid)[:1] not in (["Z"], ["X"])


def _can_ask() -> bool:
    return os.name == "posix"  # elsewhere os.kill would end the process


def _status(pid: int) -> list[str]:
    """Return what Linux says of a process from its state on; [] where nothing is said."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return []


def _started(pid: int) -> str:
    said = _status(pid)
    return said[19] if len(said) > 19 else ""


@functools.cache
def _place() -> tuple[str, str, str, str]:
    """Return host, machine, boot and space of this process."""
    return socket.gethostname(), _said("/etc/machine-id"), _said("/proc/sys/kernel/random/boot_id"), _space()


def _said(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _space() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
