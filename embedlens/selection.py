"""Selection of runs, splits, epochs and classes by the options of commands."""

from __future__ import annotations

import os
import re
import warnings
from typing import TYPE_CHECKING

from embedlens.errors import InputError, InputWarning, did_you_mean, listed, unknown
from embedlens.store import UNLABELLED, Run, open_run
from embedlens.store.format import info_file
from embedlens.store.locations import is_address, run_path
from embedlens.text import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


def runs_folder() -> Path:
    """Return where runs stand: ``$EMBEDLENS_RUNS``, a folder or an address; by default ``./runs``."""
    return run_path(os.environ.get("EMBEDLENS_RUNS") or "runs")


def choose_runs(names: Sequence[str], *, empty: bool = False, logged: bool = False) -> list[Run]:
    """Return the runs named, each once; a name is a path, an address or a run in `runs_folder`.

    No name: the newest. Their epochs are those that are finished now, whatever a trainer adds meanwhile.

    Parameters
    ----------
    names
        The names, in order.
    empty
        Whether runs without a snapshot are returned, too. Otherwise they are left out with an `InputWarning`.
    logged
        Whether a log is as good as a snapshot.

    Raises
    ------
    InputError
        A name that is no run's, or no run with a snapshot.
    """
    if not names:
        newest = newest_run()
        _warn_of_partial(newest)
        return [newest]
    paths: dict[Path, Path] = {}
    for path in map(_find, names):
        paths.setdefault(path.resolve(), path)
    runs = [open_run(path).pinned() for path in paths.values()]
    for run in runs:
        _warn_of_partial(run)
    if empty:
        return runs
    recorded = [run for run in runs if run.epochs() or (logged and run.log)]
    if not recorded:
        message = f"run {runs[0].name!r} has {'neither a log nor a' if logged else 'no'} snapshot yet"
        if len(runs) > 1:
            message = f"none of the {len(runs)} runs has a snapshot yet, the first: {runs[0].path}"
        raise InputError(message)
    missing = [str(run.path) for run in runs if run not in recorded]
    if missing:
        text = f"runs without a snapshot are left out: {listed(missing)}"
        warnings.warn(text, InputWarning, stacklevel=2)
    return recorded


def _warn_of_partial(run: Run) -> None:
    """Warn of epochs that are left out because some splits lack a snapshot."""
    partial = run.partial_epochs()
    if partial:
        last, missing = max(partial), listed(partial[max(partial)])
        epochs = f"epoch {last} is" if len(partial) == 1 else f"epochs {listed(partial)} are"
        text = f"run {run.name!r}: {epochs} left out; split {missing} has no snapshot of epoch {last}"
        warnings.warn(text, InputWarning, stacklevel=3)


def _find(name: str) -> Path:
    """Return the path meant by a name: as it stands, or else below the folder of runs."""
    path = run_path(name)
    if info_file(path).is_file() or (is_address(name) and path.exists()):
        return path
    if is_address(name):
        message = f"no such run: {path}{did_you_mean(path.name, run_names(path.parent)) or _nothing_at(path)}"
        raise InputError(message)
    folder = runs_folder()
    inside = folder / name
    if info_file(inside).is_file() or (inside.exists() and not path.exists()):
        return inside
    if not path.exists():
        known = run_names()
        hint = did_you_mean(name, known)
        if not hint and known:
            hint = f"; there {'is' if len(known) == 1 else 'are'}: {listed(known)}"
        message = f"no such run: {name}; it is neither here nor in {folder}{hint}"
        raise InputError(message)
    return path


def _nothing_at(path: Path) -> str:
    """Say which folder, or bucket, of an address is the first that does not exist; empty if none."""
    missing = [folder for folder in (*path.parents,) if not folder.exists()]
    return f"; there is no {missing[-1]}" if missing else ""


def run_names(folder: Path | None = None) -> list[str]:
    """Return the names of the folders below `runs_folder`, or another folder, that hold a run."""
    folder = runs_folder() if folder is None else folder
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if info_file(path).is_file())


def newest_run() -> Run:
    """Return the run below `runs_folder` that was created last and has a snapshot."""
    folder = runs_folder()
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith("."):  # a run that is still being made, or was left so
            continue
        try:
            run = open_run(path).pinned()
        except InputError:
            continue
        if run.epochs():
            found.append(run)
    if not found:
        message = f"no run with a snapshot in {folder}; name a run, or make one with `embedlens train`"
        raise InputError(message)
    return max(found, key=lambda run: run.info.created)


def run_labels(runs: Sequence[Run]) -> list[str]:
    """Return a unique label for each run: its name, or its path where names repeat."""
    names = [run.name for run in runs]
    return [run.name if names.count(run.name) == 1 else escaped(run.path.as_posix()) for run in runs]


def choose_splits(runs: Sequence[Run], requested: Sequence[str]) -> list[str]:
    """Return the splits requested, which every run must have; those that all runs share where none is."""
    if not requested:
        return _common_default(runs, _shared_splits)
    for split in requested:
        for run in runs:
            if split not in run.splits:
                place = f"run {run.name!r}"
                raise unknown(split, "split", run.splits).within(place)
    return list(dict.fromkeys(requested))


def _shared_splits(runs: Sequence[Run]) -> list[str]:
    """Return the splits that all runs have; `InputError` where there is none."""
    shared = [split for split in runs[0].splits if all(split in run.splits for run in runs)]
    if not shared:
        own = listed(f"{run.name}: {'+'.join(run.splits)}" for run in runs)
        message = f"the runs share no split ({own}); choose runs that have one in common"
        raise InputError(message)
    return shared


def _common_default(runs: Sequence[Run], default: Callable[[Sequence[Run]], list[str]]) -> list[str]:
    """Return the default splits of runs; an `InputWarning` says which runs have others on their own."""
    splits = default(runs)
    others = [(run.name, own) for run in runs if set(own := default([run])) != set(splits)]
    if others:
        names = listed(f"{name}: {'+'.join(own)}" for name, own in others)
        text = f"the default split of these runs together is {'+'.join(splits)}; of each alone {names}"
        warnings.warn(f"{text}; choose with --split", InputWarning, stacklevel=3)
    return splits


def choose_epochs(run: Run, requested: str) -> list[int]:
    """Return the epochs of a run meant by an option, ascending, each once.

    Parameters
    ----------
    run
        The run.
    requested
        "first", "last", "all", a number (negative: from the end), a range ``START:STOP`` or
        ``START:STOP:STEP`` of epoch numbers, STOP included as far as it is recorded, or several of these
        separated by commas.

    Raises
    ------
    InputError
        Anything else, or an epoch that the run does not have.
    """
    found: set[int] = set()
    for word in [part.strip() for part in requested.split(",") if part.strip()] or [requested]:
        found |= _epochs_of(run, word)
    return sorted(found)


def many_epochs(requested: str) -> bool:
    """Return whether an option of epochs may mean several."""
    return requested == "all" or "," in requested or ":" in requested


def choose_epoch(run: Run, requested: str, option: str = "--epoch") -> int:
    """Return the one epoch of a run meant by an option; several raise `InputError`."""
    try:
        if many_epochs(requested):
            message = f"{requested!r} may be several epochs; give one: first, last, or a number"
            raise InputError(message)
        return choose_epochs(run, requested)[0]
    except InputError as error:
        raise error.within(option) from error


def _epochs_of(run: Run, word: str) -> set[int]:
    """Return the epochs meant by one word."""
    last, epochs = run.resolve_epoch(-1), run.epochs()
    if word in ("first", "last", "all"):
        return {"first": {epochs[0]}, "last": {last}, "all": set(epochs)}[word]
    if re.fullmatch(r"-?\d{1,18}", word):
        return {run.resolve_epoch(int(word))}
    bounds = re.fullmatch(r"(\d{0,18}):(\d{0,18})(?::([1-9]\d{0,17}))?", word)
    if bounds is None:
        raise unknown(word, "epoch", ("first", "last", "all", "a number", "0,4,8", "0:20:5"))
    start, stop, step = (int(text) if text else None for text in bounds.groups())
    start, stop = epochs[0] if start is None else start, last if stop is None else stop
    chosen = {epoch for epoch in epochs if start <= epoch <= stop and (epoch - start) % (step or 1) == 0}
    if not chosen:
        message = f"run {run.name!r} has no epoch in {word}; it has {epochs[0]} to {last}"
        raise InputError(message)
    return chosen


def evaluated_splits(runs: Sequence[Run], requested: Sequence[str]) -> list[str]:
    """Return the splits to score: those requested; else the query splits, or test, or all."""
    if requested:
        return choose_splits(runs, requested)
    return _common_default(runs, _evaluated_by_default)


def _evaluated_by_default(runs: Sequence[Run]) -> list[str]:
    """Return the query splits that the runs share, or test, or all that they share."""
    shared = _shared_splits(runs)
    queries = [split for split in shared if any(gallery_of(run, split) for run in runs)]
    return queries or [split for split in shared if split == "test"] or shared


def gallery_of(run: Run, split: str) -> str | None:
    """Return the split that the items of `split` search, where the run names one."""
    return galleries(run).get(split)


def galleries(run: Run) -> dict[str, str]:
    """Return query split -> gallery split; a split that is named as its own gallery has none."""
    return {query: gallery for query, gallery in run.info.query_gallery if query != gallery}


def label_of_class(run: Run, word: str, splits: Sequence[str]) -> int:
    """Return the label, among those of some splits, of a class given by name or number, else `InputError`."""
    labels = sorted({label for split in splits for label in run.labels(split).tolist()} - {UNLABELLED})
    names = {label: run.info.class_names.get(str(label), str(label)) for label in labels}
    return label_among(word, names, f"run {run.name!r}")


def label_among(word: str, names: Mapping[int, str], place: str) -> int:
    """Return the label, in label -> name, of a class given by name or number; else raise `InputError`."""
    for label, name in names.items():
        if word == name:
            return label
    if word.removeprefix("-").isdecimal() and int(word) in names:
        return int(word)
    raise unknown(word, "class", class_choices(names)).within(place)


def class_choices(names: Mapping[int, str]) -> list[str]:
    """Return what an option for a class may be, of label -> name: a name, or a number beside names."""
    if all(name == str(label) for label, name in names.items()):
        return list(names.values())
    return [f"a number from {min(names)} to {max(names)}", *names.values()]


def searched_split(run: Run, split: str, requested: str | None) -> str | None:
    """Return the split that the items of `split` search: the one requested, else the one that the run names.

    None: they search themselves, which "none" asks for.
    """
    name = gallery_of(run, split) if requested is None else requested
    if name == "none" and name not in run.splits:
        return None
    if name is not None and name not in run.splits:
        place = f"run {run.name!r}"
        raise unknown(name, "gallery split", (*run.splits, "none")).within(place)
    return None if name == split else name
