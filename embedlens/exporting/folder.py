"""Folders of exports: each appears whole or not at all, and replaces only an older one of the same run."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, listed, shortened
from embedlens.files import file_digest, read_text, sync_folder, temporary_target, write_text
from embedlens.store.lock import LOCK_NAME, LOG_LOCK_NAME, Lock
from embedlens.store.ownership import hidden_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

DESCRIPTION = "export.json"
"""Name of the file that says what a folder is an export of."""
_FORMAT, _VERSION = "embedlens-export", 1
_MOST_BYTES = 1 << 28
_NAME = re.compile(
    r"export\.json|projector_config\.pbtxt"
    r"|.+(_(items\.csv|metadata\.tsv|sprite\.png|thumbnails\.npy)|_epoch-\d{4,9}\.(bytes|tsv)"
    r"|_\d{4,9}\.(npz|safetensors)|\.(csv|parquet|h5|h5ad))"
)
_SAME = ("target", "run", "created")


@contextmanager
def replacing(out: Path, facts: Mapping[str, Any]) -> Iterator[Path]:
    """Provide an empty folder, which becomes `out` on success; on failure `out` stays as it was.

    export.json, with the facts and the checksum of every file, is written at the end. Of an older export,
    the files that its export.json lists are removed.

    Parameters
    ----------
    out
        The folder to be.
    facts
        What it is an export of: `target`, `run` and `created` say which export may be replaced.

    Raises
    ------
    InputError
        `out` exists and is no export of the same run to the same target, or holds other files, or files that
        were changed; or another process is writing it.
    """
    check_replaceable(out, facts, contents=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    room = hidden_folder(out, "exporting")
    room.mkdir(exist_ok=True)
    new, old = room / "new", room / "old"
    with Lock(room, run=out) as lock:
        try:
            _clear(room, out)
            new.mkdir()
            yield new
            _describe(new, facts)
            _swap(out, facts, new=new, old=old)
        except OSError as error:
            if not error.strerror or (error.filename and str(room) not in str(error.filename)):
                raise
            # The user knows the folder, not the hidden one.
            raise OSError(error.errno, error.strerror, str(out)) from error
        finally:
            if not out.exists() and old.exists():
                old.rename(out)
            _remove(new, _written(new))
            lock.release()
            with suppress(OSError):  # another process has taken the lock meanwhile
                room.rmdir()
    sync_folder(out.parent)


def check_replaceable(out: Path, facts: Mapping[str, Any], *, contents: bool) -> None:
    """Refuse a path that exists, unless it is an export of the same run to the same target.

    Parameters
    ----------
    out
        The path.
    facts
        `target`, `run` and `created` of the new export.
    contents
        Whether files are compared with their checksums.
    """
    if (not out.exists() and not out.is_symlink()) or _is_empty(out):
        return
    before = _read(out)
    if before is None:
        message = f"{out} already exists and is no export of embedlens; choose another --out"
        raise InputError(message)
    if any(before.get(name) != facts[name] for name in _SAME):
        target, run, created = (shortened(str(before.get(name))) for name in _SAME)
        message = f"{out} is another export ({target} of {run}, created {created}); choose another --out"
        raise InputError(message)
    files = before["files"]
    found = [path.relative_to(out).as_posix() for path in _files(out)]
    unlisted = [name for name in found if name not in files and name != DESCRIPTION]
    if unlisted:
        names = listed(unlisted)
        message = f"{out} has files that are not of the export ({names}); move them, or choose another --out"
        raise InputError(message)
    compared = [name for name in found if name in files] if contents else []
    changed = [name for name in compared if _digest(out / name) != files[name]]
    if changed:
        names = listed(changed)
        message = f"{out} has files that were changed ({names}); move them, or choose another --out"
        raise InputError(message)


def _is_empty(out: Path) -> bool:
    return out.is_dir() and not out.is_symlink() and not any(out.iterdir())


def _read(out: Path) -> dict[str, Any] | None:
    """Return what export.json says; None where a folder has none of ours."""
    if out.is_symlink() or not (out / DESCRIPTION).is_file():
        return None
    try:
        document = json.loads(read_text(out / DESCRIPTION, limit=_MOST_BYTES))
    except (InputError, ValueError, RecursionError):  # damaged, or another program's
        return None
    known = isinstance(document, dict) and document.get("format") == _FORMAT
    if not known or document.get("version") != _VERSION or not isinstance(document.get("files"), dict):
        return None
    return dict(document)


def _files(folder: Path) -> list[Path]:
    """Return all that stands below a folder and is no folder."""
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _clear(room: Path, out: Path) -> None:
    """Remove what a killed process left, and put an export back that it had moved aside."""
    new, old = room / "new", room / "old"
    if old.is_dir() and not out.exists():
        old.rename(out)
    _remove(new, _written(new))
    _remove_listed(old)
    known = {LOCK_NAME, LOG_LOCK_NAME}
    unknown = [path.name for path in room.iterdir() if path.name not in known and ".lock." not in path.name]
    if unknown:
        names = listed(sorted(unknown))
        message = f"{room} has files that are not of an export ({names}); move them"
        raise InputError(message)


def _digest(path: Path) -> str | None:
    """Return the checksum of a regular file; None for another kind, which may block a reader."""
    return file_digest(path) if path.is_file() and not path.is_symlink() else None


def _describe(new: Path, facts: Mapping[str, Any]) -> None:
    """Make the files durable, and write export.json."""
    files = {}
    for path in _files(new):
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
        files[path.relative_to(new).as_posix()] = file_digest(path)
    document = {"format": _FORMAT, "version": _VERSION, **facts, "files": files}
    write_text(new / DESCRIPTION, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _swap(out: Path, facts: Mapping[str, Any], *, new: Path, old: Path) -> None:
    """Put the new export in the place of an older one, whose files are removed."""
    check_replaceable(out, facts, contents=False)
    if _is_empty(out):
        out.rmdir()
    elif out.exists():
        out.rename(old)
    new.rename(out)
    _remove_listed(old)


def _remove_listed(old: Path) -> None:
    """Remove the files of an export, export.json last."""
    document = _read(old) or {"files": {}}
    # Only what stands below the folder is removed, whatever paths are listed.
    found = {path.relative_to(old).as_posix(): path for path in _files(old)}
    _remove(old, [found[name] for name in [*document["files"], DESCRIPTION] if name in found])


def _written(new: Path) -> list[Path]:
    """Return the files of an export that was not finished: those whose names exports have."""
    return [path for path in _files(new) if is_export_name(path.relative_to(new).as_posix())]


def is_export_name(name: str) -> bool:
    """Return whether a path below a folder is that of a file that exports write, or of a temporary one."""
    first, separator, rest = name.partition("/")
    if separator:
        return first.endswith(".zarr") and bool(rest)
    return _NAME.fullmatch(temporary_target(first) or first) is not None


def _remove(folder: Path, files: Iterable[Path]) -> None:
    """Remove files below a folder, and folders that are then empty, the folder among them."""
    for path in files:
        path.unlink(missing_ok=True)
    for root, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # something else stands in it
            os.rmdir(root)
