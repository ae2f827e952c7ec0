"""Files that were damaged at random: bytes, numbers, structure, kind of file; all of it drawn from a seed."""

from __future__ import annotations

import io
import json
import os
import shutil

import numpy as np

NUMBERS = ["9" * 5000, "Infinity", "NaN", "-1", "0", "1e999", "-1e308", "0.5", str(1 << 62), str(1 << 64)]
VALUES = [*NUMBERS, "null", "true", '""', '"x"', "[]", "{}", "[1]", '{"a": 1}', '"\\ud800"', '"\\u0000"']
VALUES += [
    "[" * 100_000,
    json.dumps("x" * 5000),
    json.dumps("../../x"),
    json.dumps("a\nb"),
    '["test", "test"]',
]
CELLS = [
    "",
    "nan",
    "inf",
    "1e30",
    "-1",
    "0.5",
    "x",
    '"',
    "\x00",
    "9" * 400,
    "y" * 131_073,
    "a,b",
    "\ufeff",
    "\n",
]


def damage(file, random):
    """Damage one file; return what was done, for messages."""
    by_kind = {".json": [_json] * 3, ".csv": [_cells] * 3, ".npy": [_array] * 3, ".txt": [_cells]}
    ways = [_bytes, _bytes, _cut, _kind, *by_kind.get(file.suffix, [_bytes])]
    way = ways[random.integers(len(ways))]
    return f"{file.name}: {way.__name__[1:]}: {way(file, random)}"


def _pick(random, choices):
    return choices[int(random.integers(len(choices)))]


def _bytes(file, random):
    raw = bytearray(file.read_bytes())
    places = random.integers(0, max(1, len(raw) if random.integers(2) else min(len(raw), 128)), 4).tolist()
    for place in places:
        raw[place : place + 1] = bytes([int(random.integers(256))])
    file.write_bytes(raw)
    return places


def _cut(file, random):
    raw = file.read_bytes()
    kept = _pick(random, [0, 1, 4, len(raw) // 2, max(0, len(raw) - 1), -1])
    file.write_bytes(raw * 2 if kept < 0 else raw[:kept])
    return kept


def _kind(file, random):
    kind = _pick(random, ["gone", "folder", "pipe", "dangling", "loop", "text", "zeros"])
    content = file.read_bytes()
    file.unlink()
    if kind == "folder":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind in ("dangling", "loop"):
        file.symlink_to(file.name if kind == "loop" else "nothing-here")
    elif kind != "gone":
        file.write_bytes(b"\xff\xfe text" if kind == "text" else bytes(len(content)))
    return kind


def _json(file, random):
    document = json.loads(file.read_text())
    node, steps = document, []
    while isinstance(node, dict | list) and node and (not steps or random.integers(3)):
        key = _pick(random, list(node) if isinstance(node, dict) else list(range(len(node))))
        steps.append(key)
        parent, node = node, node[key]
    if random.integers(5) == 0:
        del parent[steps[-1]]
        file.write_text(json.dumps(document))
        return f"{steps} removed"
    value = _pick(random, VALUES)
    parent[steps[-1]] = "@here@"
    file.write_text(json.dumps(document).replace('"@here@"', value))
    return f"{steps} = {value[:30]}"


def _cells(file, random):
    lines = file.read_text().split("\n")
    at = int(random.integers(len(lines)))
    cells = lines[at].split(",")
    cell, place = _pick(random, CELLS), int(random.integers(len(cells)))
    cells[place : place + int(random.integers(2))] = [cell]
    lines[at] = ",".join(cells)
    file.write_bytes("\n".join(lines).encode(_pick(random, ["utf-8", "utf-8", "utf-16", "utf-8-sig"])))
    return f"line {at + 1}: {cell[:30]!r}"


def _array(file, random):
    array = np.load(file)
    kind = _pick(random, sorted(_ARRAYS))
    with np.errstate(all="ignore"):
        changed = _ARRAYS[kind](array, random)
    if isinstance(changed, bytes):
        file.write_bytes(changed)
    else:
        np.save(file, changed, allow_pickle=True)
    return kind


def _one(value):
    def change(array, random):
        changed = array.astype(np.float64 if array.dtype.kind == "f" else array.dtype)
        flat = changed.reshape(-1)
        flat[int(random.integers(flat.size))] = value
        return changed.astype(array.dtype) if abs(value) <= 1e38 or value != value else changed

    return change


def _header(old, new):
    def change(array, _random):
        raw = io.BytesIO()
        np.save(raw, array)
        return raw.getvalue().replace(old, new, 1)

    return change


_ARRAYS = {
    "one nan": lambda a, r: _one(float("nan"))(a, r) if a.dtype.kind == "f" else a[::-1],
    "one huge": lambda a, r: (
        _one(3e38 if a.dtype == np.float32 else 60_000)(a, r) if a.dtype.kind == "f" else a
    ),
    "large number": lambda a, r: _one(1 << 62)(a, r) if a.dtype == np.int64 else a,
    "negative": lambda a, r: _one(-7)(a, r) if a.dtype.kind != "u" else a,
    "zeros": lambda a, _: np.zeros_like(a),
    "ones": lambda a, _: np.ones_like(a),
    "tiny": lambda a, _: (a * 1e-42).astype(a.dtype) if a.dtype.kind == "f" else a,
    "row less": lambda a, _: a[:-1],
    "none": lambda a, _: a[:0],
    "column": lambda a, _: a.reshape(len(a), -1)[:, :1],
    "empty axes": lambda a, _: np.zeros((len(a), 0, 0), a.dtype),
    "flat": lambda a, _: a.reshape(-1),
    "scalar": lambda a, _: a.reshape(-1)[0],
    "more axes": lambda a, _: a[..., None],
    "fortran": lambda a, _: np.asfortranarray(a),
    "big endian": lambda a, _: a.astype(a.dtype.newbyteorder(">")),
    "float64": lambda a, _: a.astype(np.float64),
    "longdouble": lambda a, _: a.astype(np.longdouble),
    "complex": lambda a, _: a.astype(np.complex64),
    "bool": lambda a, _: a.astype(bool),
    "int8": lambda a, _: a.astype(np.int8),
    "uint64": lambda a, _: a.astype(np.uint64),
    "text": lambda a, _: a.astype(str),
    "object": lambda a, _: a.astype(object),
    "dates": lambda a, _: a.astype(np.int64).astype("M8[s]"),
    "shape": _header(b"'shape': (", b"'shape': (9"),
    "negative shape": _header(b"'shape': (", b"'shape': (-"),
    "type": _header(b"'descr': '<", b"'descr': '!"),
    "long header": lambda a, _: b"\x93NUMPY\x02\x00\xff\xff\xff\xee" + bytes(50),
}


def restore(file, content):
    """Put a file back, whatever stands in its place."""
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file)
    else:
        file.unlink(missing_ok=True)
    file.write_bytes(content)
