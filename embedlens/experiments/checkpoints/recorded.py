"""What a run records of its checkpoints, and which of them are to be embedded when it is resumed."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import file_digest, sha256
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, listed
from embedlens.store import open_run
from embedlens.store.format import info_file
from embedlens.store.log import epoch_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from embedlens.experiments.checkpoints.files import Checkpoint
    from embedlens.store import Run

KEY = "checkpoints"
"""Key of run.json's method: identities of the checkpoints, and of the source file of the model function."""
_MAY_DIFFER = {KEY, "root"}

Entry = dict[str, Any]


def identity(checkpoint: Checkpoint, known: Entry | None = None) -> Entry:
    """Return what identifies a checkpoint: its number, file, size, time of its last change, and SHA-256.

    Parameters
    ----------
    checkpoint
        A file or a folder.
    known
        What was recorded of it; its SHA-256 is taken where size and time are the same.
    """
    files = _files(checkpoint.path)
    stats = [file.stat() for file in files]
    entry: Entry = {
        "epoch": checkpoint.epoch,
        "step": checkpoint.step,
        "file": checkpoint.path.as_posix(),
        "size": sum(stat.st_size for stat in stats),
        "modified": max((stat.st_mtime_ns for stat in stats), default=0),
    }
    if known is not None and all(known.get(name) == value for name, value in entry.items()):
        return known
    return {**entry, "sha256": _digest(checkpoint.path, files)}


def _files(path: Path) -> list[Path]:
    """Return the files of a checkpoint: itself, or all files in the folder."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file())


def _digest(path: Path, files: Sequence[Path]) -> str:
    """Return the SHA-256 of a file, or of names and contents of the files of a folder."""
    digests = []
    for file in files:
        with file.open("rb") as opened:
            digests.append((file.relative_to(path).as_posix(), file_digest(opened, "sha256").hexdigest()))
    return digests[0][1] if not path.is_dir() else sha256(repr(digests).encode()).hexdigest()


@dataclass(slots=True)
class Plan:
    """Checkpoints of a run.

    Attributes
    ----------
    method
        What run.json says of the run, but for its checkpoints.
    source
        SHA-256 of the source file of the model function.
    entries
        Number of a checkpoint -> its identity.
    pending
        Checkpoints to embed, in order.
    skipped
        Checkpoints whose epoch is recorded.
    begun
        Whether the run has epochs.
    messages
        Messages for the user.
    """

    method: dict[str, Any]
    source: str | None
    entries: dict[int, Entry]
    pending: list[Checkpoint]
    skipped: list[Checkpoint]
    begun: bool
    messages: list[str]

    def method_with(self, checkpoint: Checkpoint, entry: Entry) -> dict[str, Any]:
        """Return what run.json says with the identity of one more checkpoint.

        Its SHA-256 is None until its epoch is recorded, so that one that was stopped meanwhile is embedded
        again.
        """
        self.entries[checkpoint.number] = entry
        return self.method_now()

    def method_now(self) -> dict[str, Any]:
        """Return what run.json says: the method, with the identities of all checkpoints."""
        files = [self.entries[number] for number in sorted(self.entries)]
        return {**self.method, KEY: {"model_sha256": self.source, "files": files}}


def plan(
    out: Path,
    method: dict[str, Any],
    checkpoints: Sequence[Checkpoint],
    *,
    source: str | None,
    overwrite: bool = False,
) -> Plan:
    """Compare checkpoints with those of the run at a path, if there is one.

    Parameters
    ----------
    out
        The run's directory.
    method
        What the run records: model function, data, ...
    checkpoints
        All checkpoints, in order.
    source
        SHA-256 of the source file of the model function; None: there is none.
    overwrite
        Whether recorded epochs are embedded again.

    Raises
    ------
    InputError
        A run of something else, or of another model function or data; a checkpoint that is not the one that
        its epoch was recorded from.
    """
    run = open_run(out) if info_file(out).is_file() else None
    if run is None or not run.epochs():
        return Plan(method, source, {}, list(checkpoints), [], False, [])
    _check_method(run, method)
    entries = {_number(entry): entry for entry in run.method[KEY]["files"]}
    done = _recorded(run, by_step=checkpoints[0].epoch is None)
    made = Plan(method, source, entries, [], [], True, [])
    for checkpoint in checkpoints:
        known = entries.get(checkpoint.number)
        if overwrite or known is None or known["sha256"] is None or checkpoint.number not in done:
            made.pending.append(checkpoint)
            continue
        now = identity(checkpoint, known)
        if now["sha256"] != known["sha256"]:
            raise _changed(run, checkpoint, known)
        made.skipped.append(checkpoint)
    if run.method[KEY].get("model_sha256") != source and made.skipped:
        labels = listed(one.label for one in made.skipped)
        stay = "stays" if len(made.skipped) == 1 else "stay"
        made.messages.append(
            f"the file of {method['model']} has changed since run {run.name!r} was recorded; {labels} {stay} "
            "as recorded, --overwrite embeds all again"
        )
    return made


def _check_method(run: Run, method: Mapping[str, Any]) -> None:
    """Refuse a run of something else than these checkpoints' embeddings of these items."""
    recorded = run.method
    known = recorded.get(KEY)
    files = known.get("files") if isinstance(known, dict) else None
    if not isinstance(files, list) or not all(_is_entry(entry) for entry in files):
        message = f"run {str(run.path)!r} exists and was not made of checkpoints; choose another --out"
        raise InputError(message)
    names = [name for name in {**recorded, **method} if name not in _MAY_DIFFER]
    for name in names:
        if recorded.get(name) != method.get(name):
            before, now = (_stated(name, given.get(name)) for given in (recorded, method))
            message = (
                f"run {run.name!r} was made {before}, not {now}; give the same as before, or choose another "
                "--out"
            )
            raise InputError(message)


def _stated(name: str, value: object) -> str:
    return f"without {name}" if value is None else f"with {name} {value!r}"


def shown_method(method: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's method as tables show it.

    Of checkpoints their number alone, and of a checkpoint that training started from the run and the first
    digits of its SHA-256.
    """
    known = method.get(KEY)
    files = known.get("files") if isinstance(known, dict) else None
    shown = {**method, KEY: len(files)} if isinstance(files, list) else dict(method)
    digest = shown.pop("init_sha256", None)
    if isinstance(digest, str) and "init" in shown:
        shown["init"] = f"{shown['init']} (SHA-256 {digest[:12]})"
    return shown


def _changed(run: Run, checkpoint: Checkpoint, known: Entry) -> InputError:
    """Return the error for a checkpoint that is not the one that its epoch was recorded from."""
    label, before, now = checkpoint.label, known["file"], checkpoint.path
    if before == now.as_posix():
        message = (
            f"{now} has changed since {label} of run {run.name!r} was recorded; choose another --out, or "
            "embed all again by --overwrite"
        )
        return InputError(message)
    message = (
        f"{label} of run {run.name!r} was recorded from {before}, which differs from {now}; choose another "
        "--out, or embed all again by --overwrite"
    )
    return InputError(message)


def _recorded(run: Run, *, by_step: bool) -> set[int]:
    """Return the numbers of the checkpoints whose epochs the run has."""
    epochs = set(run.epochs())
    if not by_step:
        return epochs
    steps = (row.get("step") for row in run.log if epoch_of(row) in epochs)
    return {int(step) for step in steps if step is not None}


def _is_entry(entry: object) -> bool:
    """Return whether a value of run.json identifies a checkpoint."""
    if not isinstance(entry, dict) or not {"epoch", "step", "file", "sha256"} <= entry.keys():
        return False
    return isinstance(entry["step"] if entry["epoch"] is None else entry["epoch"], int)


def _number(entry: Entry) -> int:
    return int(entry["step"] if entry["epoch"] is None else entry["epoch"])
