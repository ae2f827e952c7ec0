"""Making a run of what other programs left: arrays in .npy, .npz, .pt or .pth, labels also as text."""

from __future__ import annotations

import csv
import glob
import re
import tempfile
import warnings
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import check_labels
from embedlens.errors import InputError, first_sentence
from embedlens.files import read_npy
from embedlens.store.ownership import building
from embedlens.store.recorder import Recorder
from embedlens.store.run import Run, open_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

_FIELDS = {"epoch": r"(?P<epoch>\d+)", "split": r"(?P<split>[^/]+?)"}
_TOKEN = re.compile(r"\{([^{}]*)\}|(\*)|(\?)")
_ARRAY_ENDINGS = (".npy", ".npz", ".pt", ".pth")

Found = dict[str, dict[int, Path]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the arrays and the labels are.

    Attributes
    ----------
    pattern
        Path of the embeddings' files, with ``{epoch}`` and ``{split}`` where those stand in it.
    labels
        The same for the labels; with ``{epoch}`` the labels of all epochs must be equal.
    key, labels_key
        Name of the array in an archive (.npz) or dictionary (.pt), or of the column of a .csv; not needed
        where there is only one.
    split
        Name of the split where the pattern has no ``{split}``.
    """

    pattern: str
    labels: str
    key: str | None = None
    labels_key: str | None = None
    split: str = "test"


def import_run(
    source: Source,
    out: Path,
    *,
    dtype: str = "float32",
    link: bool = False,
    method: Mapping[str, Any] | None = None,
) -> Run:
    """Make a run of foreign files; the run appears whole or not at all.

    Parameters
    ----------
    source
        Where the arrays and the labels are.
    out
        Directory of the run, which must not exist; where the run of this very import stands already, it is
        returned.
    dtype
        "float32" or "float16": how snapshots are stored.
    link
        Hard-link the files, which must be C-ordered ``.npy`` of `dtype`, instead of copying them.
    method
        How the embeddings came about, for run.json.

    Raises
    ------
    InputError
        A pattern that matches nothing or two files for one epoch; a split that lacks an epoch or labels;
        anything that `Recorder` refuses.
    """
    found = find_files(source.pattern, source.split)
    labels, class_names = _read_labels(source, list(found))
    epochs = sorted({epoch for files in found.values() for epoch in files})
    for split, files in found.items():
        missing = [epoch for epoch in epochs if epoch not in files]
        if missing:
            message = f"split {split!r} has no file for epoch {missing[0]}, which another split has"
            raise InputError(message)
    begin = partial(
        Recorder, labels=labels, class_names=class_names, dtype=dtype, method=method, name=out.name
    )
    if out.exists():
        return _imported(out, begin, found, source.key)
    with building(out) as folder, begin(folder) as recorder:
        for epoch in epochs:
            sources = {split: found[split][epoch] for split in found}
            _import_epoch(recorder, epoch, sources, source.key, link=link)
    return open_run(out)


def _imported(out: Path, begin: Callable[[Path], Recorder], found: Found, key: str | None) -> Run:
    """Return the run at `out` if it is the one that the import would make; refuse it else.

    An import that was stopped after its run took its place can so be repeated.
    """
    message = f"{out} already exists; choose another --out"
    try:
        run = open_run(out)
    except InputError as error:
        raise InputError(message) from error
    with tempfile.TemporaryDirectory() as scratch, begin(Path(scratch) / "run") as recorder:
        wanted = recorder.run.info
    same = replace(wanted, created=run.info.created, dim=run.info.dim) == run.info
    same = same and run.epochs() == sorted({epoch for files in found.values() for epoch in files})
    for split, files in found.items() if same else ():
        for epoch, file in files.items():
            stored = run.snapshot(split, epoch).embeddings
            given = np.asarray(read_array(file, key))
            same = same and given.shape == stored.shape and np.array_equal(given.astype(stored.dtype), stored)
    if not same:
        raise InputError(message)
    return run


def _import_epoch(
    recorder: Recorder, epoch: int, files: Mapping[str, Path], key: str | None, *, link: bool
) -> None:
    """Record one epoch; what is wrong with an array is told with its file."""
    if link:
        recorder.link(epoch, files)
        return
    arrays = {split: read_array(file, key) for split, file in files.items()}
    try:
        recorder.record(epoch, arrays)
    except InputError as error:
        place = ", ".join(str(file) for file in files.values())
        raise error.within(place) from error


def find_files(pattern: str, split: str) -> Found:
    """Return the files that a pattern means: split -> epoch -> path; epoch 0 where it has no ``{epoch}``.

    ``*`` and ``?`` in the pattern stand for any text and any character of one file or folder name.
    """
    expression, wildcard = _compile(pattern)
    found: Found = {}
    for name in sorted(glob.glob(wildcard)):
        match = re.fullmatch(expression, Path(name).as_posix())
        if match is None:
            continue
        groups = match.groupdict()
        epoch, files = int(groups.get("epoch") or 0), found.setdefault(groups.get("split") or split, {})
        if epoch in files:
            message = f"two files for epoch {epoch}: {files[epoch]} and {name}; make the pattern narrower"
            raise InputError(message)
        files[epoch] = Path(name)
    if not found:
        message = f"pattern {pattern!r} matches no file; {{epoch}} stands for digits, {{split}} for a name"
        raise InputError(message)
    return found


def _compile(pattern: str) -> tuple[str, str]:
    """Return a pattern as a regular expression and as a shell wildcard."""
    text = Path(pattern).as_posix()
    if set("{}") & set(_TOKEN.sub("", text)):
        message = f"pattern {pattern!r} has a brace without its partner; write {{epoch}} and {{split}}"
        raise InputError(message)
    expression, wildcard, at, seen = "", "", 0, set()
    for token in _TOKEN.finditer(text):
        literal = text[at : token.start()]
        expression += re.escape(literal)
        wildcard += glob.escape(literal)
        at = token.end()
        field, star, question = token.groups()
        if star or question:
            expression += "[^/]*" if star else "[^/]"
            wildcard += star or question
        elif field not in _FIELDS:
            message = f"pattern {pattern!r} holds {{{field}}}; only {{epoch}} and {{split}} are known"
            raise InputError(message)
        else:
            expression += f"(?P={field})" if field in seen else _FIELDS[field]
            wildcard += "*"
            seen.add(field)
    return expression + re.escape(text[at:]), wildcard + glob.escape(text[at:])


def read_array(file: Path, key: str | None) -> NDArray[Any]:
    """Return the array in a .npy, .npz, .pt or .pth file; pickled objects are refused, never run."""
    if file.suffix == ".npy":
        return read_npy(file)
    if file.suffix == ".npz":
        return _read_npz(file, key)
    if file.suffix in (".pt", ".pth"):
        return _read_torch(file, key)
    message = f"{file} ends in {file.suffix!r}; arrays are read from {', '.join(_ARRAY_ENDINGS)}"
    raise InputError(message)


def _read_npz(file: Path, key: str | None) -> NDArray[Any]:
    try:
        with file.open("rb") as handle, np.load(handle, allow_pickle=False) as archive:
            array: NDArray[Any] = archive[_only(file, key, list(archive.files))]
            return array
    except InputError:
        raise
    except Exception as error:  # a damaged archive fails anywhere in numpy's reader, with any exception
        message = f"{file} is no readable .npz of plain arrays ({first_sentence(error)})"
        raise InputError(message) from error


def _read_torch(file: Path, key: str | None) -> NDArray[Any]:
    import torch

    try:
        with warnings.catch_warnings():  # torch warns of odd files before it refuses them
            warnings.simplefilter("ignore")
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails anywhere in torch's reader, with any exception
        message = (
            f"{file} is no readable file of tensors only ({first_sentence(error)}); save the tensor itself"
        )
        raise InputError(message) from error
    if isinstance(content, dict):
        content = content[_only(file, key, [str(name) for name in content])]
    if not isinstance(content, torch.Tensor):
        message = f"{file} holds a {type(content).__name__}; a tensor, or a dict of tensors, is needed"
        raise InputError(message)
    tensor = content.detach()
    return np.asarray((tensor.float() if tensor.is_floating_point() else tensor).numpy())


def _only(file: Path, key: str | None, names: list[str]) -> str:
    """Return the name of the array meant: the key, or the only one there is."""
    if key is not None and key in names:
        return key
    listed = ", ".join(names) or "(none)"
    if key is not None:
        message = f"{file} has no array {key!r}; it holds: {listed}"
        raise InputError(message)
    if len(names) != 1:
        message = f"{file} holds several arrays; choose one by its key: {listed}"
        raise InputError(message)
    return names[0]


def _read_labels(source: Source, splits: list[str]) -> tuple[dict[str, NDArray[np.int64]], dict[int, str]]:
    """Return the labels of every split and the class names; names become numbers in their sorted order."""
    files = find_files(source.labels, source.split)
    raw = {}
    for split in splits:
        by_epoch = files.get(split) or (files.get(source.split) if "{split}" not in source.labels else None)
        if not by_epoch:
            message = f"no labels for split {split!r}: {source.labels!r} gives {', '.join(files)}"
            raise InputError(message)
        columns = {file: _read_label_column(file, source.labels_key) for file in by_epoch.values()}
        first, *others = columns.items()
        for file, column in others:
            if not np.array_equal(column, first[1]):
                message = f"labels in {file} differ from those in {first[0]}; items keep their rows in a run"
                raise InputError(message)
        raw[split] = first[1]
    names = sorted({str(name) for column in raw.values() if column.dtype.kind == "U" for name in column})
    if not names:
        return {split: _checked(column, split) for split, column in raw.items()}, {}
    numbers = {name: number for number, name in enumerate(names)}
    labels = {
        split: np.array([numbers[str(value)] for value in column], dtype=np.int64)
        for split, column in raw.items()
    }
    return labels, dict(enumerate(names))


def _checked(column: NDArray[Any], split: str) -> NDArray[np.int64]:
    try:
        return check_labels(column)
    except InputError as error:
        place = f"split {split!r}"
        raise error.within(place) from error


def _read_label_column(file: Path, key: str | None) -> NDArray[Any]:
    """Return labels as integers, or as text where they are names."""
    if file.suffix in _ARRAY_ENDINGS:
        return read_array(file, key)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        message = f"{file} is no UTF-8 text; labels are read from {', '.join(_ARRAY_ENDINGS)}, .csv and text"
        raise InputError(message) from error
    if file.suffix == ".csv":
        header, *rows = list(csv.reader(lines)) or [[]]
        column = header.index(_only(file, key or ("label" if "label" in header else None), header))
        short = next((number for number, row in enumerate(rows, 2) if len(row) <= column), None)
        if short is not None:
            message = f"{file}, line {short}: no column {header[column]!r}"
            raise InputError(message)
        values = [row[column] for row in rows]
    else:
        values = [line.strip() for line in lines if line.strip()]
    if all(re.fullmatch(r"[+-]?\d{1,18}", value) for value in values):
        return np.array([int(value) for value in values], dtype=np.int64)
    return np.array(values, dtype=str)
