"""Errors of paths and patterns that no file has: what stands there instead, and what to write."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from embedlens.errors import InputError, listed, nearest, shortened

_WILD = set("{}*?[")


def no_match(pattern: str, option: str = "") -> InputError:
    """Return the error of a pattern that matches no file.

    Parameters
    ----------
    pattern
        The pattern, or the plain path of one file.
    option
        The option that it is given by; empty for the embeddings.
    """
    path, where = Path(pattern), f" ({option})" if option else ""
    inside = _inside(path)
    if inside is not None:
        file, key = inside
        message = f"{file} is one store of arrays{where}; write {file} --key '{key}'"
        return InputError(message)
    fixed = next((one for one in reversed(path.parents) if _WILD & set(str(one))), path).parent
    if not fixed.is_dir():
        lacking = next(one for one in [*reversed(fixed.parents), fixed] if not one.is_dir())
        what = "is no folder" if lacking.exists() else "does not exist"
        hint = _meant(lacking.name, lacking.parent)
        message = f"the folder {lacking} of {shortened(pattern)!r} {what}{where}{hint}"
        return InputError(message)
    if not _WILD & set(pattern):
        message = f"no such file: {path}{where}{_meant(path.name, path.parent)}"
        return InputError(message)
    message = (
        f"pattern {pattern!r} matches no file{where}; {{epoch}}, {{step}} and {{shard}} stand for numbers, "
        "{split} for a name"
    )
    return InputError(message)


def a_folder(folder: Path) -> InputError:
    """Return the error of a folder that is given where files are needed: what to write for those in it."""
    inside = _inside(folder)
    if inside is not None:
        file, key = inside
        message = f"{folder} is in the store of arrays {file}; write {file} --key '{key}'"
        return InputError(message)
    logs = sorted(one.parent for one in folder.glob("*/projector_config.pbtxt"))
    if logs:
        message = f"{folder} has no projector_config.pbtxt, but folders in it do; name one: {listed(logs)}"
        return InputError(message)
    endings = Counter(one.suffix for one in folder.iterdir() if one.is_file() and one.suffix)
    ending = endings.most_common(1)[0][0] if endings else ".npy"
    message = (
        f"{folder} is a folder, and neither zarr nor a log of TensorBoard's projector; write "
        f"'{folder.as_posix()}/*{ending}' for files that are joined, with {{epoch}} where its number stands"
    )
    return InputError(message)


def _inside(path: Path) -> tuple[Path, str] | None:
    """Return the file or zarr folder above a path, and the rest of the path, which is a key in it."""
    for one in path.parents:
        if one.is_file() or (one.is_dir() and one.suffix.lower() == ".zarr"):
            return one, path.relative_to(one).as_posix()
    return None


def _meant(name: str, folder: Path) -> str:
    """Return "; did you mean x?" for a name that a file or folder almost has; else nothing."""
    names = [one.name for one in folder.iterdir()] if folder.is_dir() else []
    close = [shortened(str(folder / one)) for one in nearest(name, names)]
    return f"; did you mean {' or '.join(close)}?" if close else ""
