"""Logs of TensorBoard's projector: the configuration, tensors in text or bytes, metadata and sprites.

Paths are those of TensorBoard's own plugin (``projector_plugin.py``): relative to the configuration, and
inside its folder.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.errors import InputError, shortened
from embedlens.files import check_regular, read_text
from embedlens.importing.pictures import cut_sprite
from embedlens.importing.readers.base import ArrayReader, Variant, reads
from embedlens.importing.readers.checks import check_size, joined_texts
from embedlens.importing.readers.text_tables import read_numbers
from embedlens.importing.readers.wanted import Wanted
from embedlens.tables import MOST_BYTES
from embedlens.tables import read_text as read_any_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_MOST_CONFIG = 1 << 24  # bytes
_BLANK = r"(?:\s++|#[^\n]*+)*+"
_TOKEN = re.compile(
    _BLANK + r"(?:(\w+)\s*:?\s*(\{)"  # the begin of a block
    r"|(\w+)\s*:\s*"  # the name of a field
    r"|([{}\[\],;])"
    r"|(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[^\s{}\[\],;]+))"  # a value
)
_STEP = re.compile(r"(?P<name>.*):(?P<step>\d{1,18})", re.DOTALL)
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", re.DOTALL)


@dataclass(slots=True)
class _Tensor:
    """An entry `embeddings` of a configuration."""

    tensor_name: str = ""
    tensor_path: str = ""
    metadata_path: str = ""
    tensor_shape: list[int] = field(default_factory=list)
    image_path: str = ""
    single_image_dim: list[int] = field(default_factory=list)


@reads(".pbtxt")
class ProjectorReader(ArrayReader):
    """Reader of ``projector_config.pbtxt`` and the files that it names."""

    describes = True

    def names(self, file: Path) -> list[str]:
        """Return the names of the tensors."""
        return list(_tensors(file))

    def variants(self, file: Path, key: str | None, fields: Collection[str]) -> Iterator[Variant]:
        """Yield one variant for each tensor ``NAME:STEP``, as PyTorch's SummaryWriter writes them."""
        tensors = _tensors(file)
        if key is not None and key in tensors:
            yield Variant({}, key)
            return
        matches = {name: match for name in tensors if (match := _STEP.fullmatch(name))}
        tags = list(dict.fromkeys(match["name"] for match in matches.values()))
        others = [name for name in tensors if name not in matches]
        if key is None and len(tags) + len(others) > 1:
            Wanted(file).only([*tags, *others])  # raises the error that lists them
        steps = {name: match for name, match in matches.items() if key in (None, match["name"])}
        if len(steps) < 2 or {"epoch", "step"} & set(fields):
            yield Variant({}, next(iter(steps), key))
            return
        for name, match in steps.items():
            yield Variant({"step": match["step"]}, name)

    def read(self, wanted: Wanted) -> NDArray[Any]:
        """Return a tensor as embeddings, or a column of its metadata as labels."""
        tensors = _tensors(wanted.file)
        if wanted.labels:
            columns = _metadata(wanted.file, _beside(wanted, tensors))
            names = list(columns)
            name = replace(wanted, where=()).only(names)
            return joined_texts([columns[name]])
        return _numbers(wanted, tensors[wanted.only(list(tensors))])

    def items(self, wanted: Wanted) -> dict[str, list[str]]:
        """Return the columns of the metadata; one column alone is that of the labels."""
        tensor = _beside(wanted, _tensors(wanted.file))
        columns = _metadata(wanted.file, tensor) if tensor.metadata_path else {}
        return columns if len(columns) > 1 else {}

    def thumbnails(self, wanted: Wanted) -> NDArray[Any] | None:
        """Return the pictures of the sprite, uint8 [N, h, w, 3]; None without a sprite."""
        tensor = _beside(wanted, _tensors(wanted.file))
        if not tensor.image_path:
            return None
        size = tensor.single_image_dim
        shape = (size[0], size[1]) if len(size) == 2 else None
        return cut_sprite(_path(wanted.file, tensor.image_path), int(wanted.rows or 0), shape)


def _beside(wanted: Wanted, tensors: dict[str, _Tensor]) -> _Tensor:
    """Return the tensor that labels or pictures belong to."""
    name = Wanted(wanted.file, wanted.beside or None).only(list(tensors))
    return tensors[name]


def _numbers(wanted: Wanted, tensor: _Tensor) -> NDArray[Any]:
    """Return the numbers of a tensor: text of tabs, or float32 little-endian of the shape in the entry."""
    if not tensor.tensor_path:
        message = (
            f"{wanted.file}: tensor {shortened(tensor.tensor_name)!r} stands in a checkpoint of TensorFlow; "
            "write it as .tsv or .bytes"
        )
        raise InputError(message)
    path = _path(wanted.file, tensor.tensor_path)
    size = check_regular(path).st_size
    if path.suffix.lower() in (".tsv", ".txt") or len(tensor.tensor_shape) != 2:
        array: NDArray[Any] = read_numbers(path, "\t", None)
    else:
        rows, columns = tensor.tensor_shape
        wanted.check_rows((rows, columns))
        if rows * columns * 4 != size or not size:
            message = f"{path} has {size:,} bytes, but the configuration says [{rows}, {columns}] of float32"
            raise InputError(message)
        array = np.memmap(path, "<f4", "r", 0, (rows, columns))
    check_size(path, array.nbytes, size)
    wanted.check_rows(array.shape)
    return array


def _metadata(file: Path, tensor: _Tensor) -> dict[str, list[str]]:
    """Return the columns of a tensor's metadata; one column has no line of names and is called ``label``."""
    if not tensor.metadata_path:
        message = (
            f"{file}: tensor {shortened(tensor.tensor_name)!r} has no metadata; give its labels by --labels"
        )
        raise InputError(message)
    path = _path(file, tensor.metadata_path)
    lines = read_any_text(path, limit=MOST_BYTES).removesuffix("\n").split("\n")
    rows = [line.split("\t") for line in lines]
    if len(rows[0]) == 1:
        return {"label": [row[0] for row in rows]}
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            message = f"{path}:{number}: got {len(row)} fields, expected {len(rows[0])}"
            raise InputError(message)
    return {name: [row[at] for row in rows[1:]] for at, name in enumerate(rows[0])}


def _path(file: Path, given: str) -> Path:
    """Return the path of a file that a configuration names; one outside its folder is refused."""
    folder = os.path.realpath(file.parent)
    path = os.path.realpath(os.path.join(folder, given.replace("\0", "")))
    if os.path.commonpath([folder, path]) != folder:
        message = f"{file} names {shortened(given)!r}, which is outside its folder; put the file beside it"
        raise InputError(message)
    return file.parent / os.path.relpath(path, folder)


def _tensors(file: Path) -> dict[str, _Tensor]:
    """Return the entries of a configuration by the name of their tensor."""
    found: dict[str, _Tensor] = {}
    for at, entry in enumerate(_entries(file)):
        entry.tensor_name = entry.tensor_name or f"tensor {at}"
        if entry.tensor_name in found:
            message = f"{file} has two tensors {shortened(entry.tensor_name)!r}"
            raise InputError(message)
        found[entry.tensor_name] = entry
    if not found:
        message = f"{file} names no tensor; it is no configuration of TensorBoard's projector"
        raise InputError(message)
    return found


def _entries(file: Path) -> Iterator[_Tensor]:
    """Yield the entries `embeddings` of a configuration in the text format of protocol buffers."""
    text = read_text(file, limit=_MOST_CONFIG)
    folders: list[str] = []
    name, entry, at = "", _Tensor(), 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            break
        at = token.end()
        block, opens, key, mark, value = token.groups()
        if block or opens:
            folders.append(block)
            entry = _Tensor() if folders == ["embeddings"] else entry
        elif key:
            name = key
        elif mark == "}":
            if not folders:
                at -= 1
                break
            if [folders.pop(), *folders] == ["embeddings"]:
                yield entry
        elif value and folders in (["embeddings"], ["embeddings", "sprite"]):
            _set(entry, name, value, file)
    if folders or not re.fullmatch(_BLANK, text[at:]):
        line = text[:at].count("\n") + 1
        message = f"{file}, line {line}: not readable as a configuration of TensorBoard's projector"
        raise InputError(message)


def _set(entry: _Tensor, name: str, value: str, file: Path) -> None:
    """Set a field of an entry; fields of other names are left out."""
    if name in ("tensor_shape", "single_image_dim"):
        if not (value.isascii() and value.isdecimal() and len(value) < 12):
            message = f"{file} says {name} {shortened(value)}; a whole number is needed"
            raise InputError(message)
        getattr(entry, name).append(int(value))
    elif name in ("tensor_name", "tensor_path", "metadata_path", "image_path"):
        setattr(entry, name, _ESCAPE.sub(_unescaped, value[1:-1]) if value[0] in "\"'" else value)


def _unescaped(match: re.Match[str]) -> str:
    """Return the letter that an escape stands for."""
    code = match[1]
    if code[0] in "01234567":
        return chr(int(code, 8))
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    return {"n": "\n", "t": "\t", "r": "\r"}.get(code, code)
