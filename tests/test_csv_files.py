"""Tables as CSV: equal to a plain loop, in parts, compressed where they are large."""

from __future__ import annotations

import csv
import gzip
import io
import tracemalloc

import numpy as np
import pytest

from embedlens import csv_files
from embedlens.csv_files import csv_text, ending_for, without_repeats, write_csv

RANDOM = np.random.default_rng(0)
TABLE = [
    {"run": "=a", "n": np.arange(5), "s": RANDOM.random(5), "name": np.array(["x", "=y", "-3", "ü,", 'q"'])},
    {"run": "b", "s": np.array([np.nan, np.inf, 0.1], np.float32), "more": np.array([True, False, True])},
    {"run": "c", "n": 7},
]
WRITTEN = ["x", "'=y", "-3", "ü,", 'q"']
ROWS = [
    *(["'=a", str(row), repr(float(TABLE[0]["s"][row])), WRITTEN[row], ""] for row in range(5)),
    ["b", "", "nan", "", "True"],
    ["b", "", "inf", "", "False"],
    ["b", "", repr(float(np.float32(0.1))), "", "True"],
    ["c", "7", "", "", ""],
]


@pytest.mark.parametrize("part", [1, 2, 100])
def test_a_table_is_written_in_parts_as_by_a_loop(monkeypatch, part):
    monkeypatch.setattr(csv_files, "_ROWS", part)
    header, *rows = csv.reader(io.StringIO(csv_text(TABLE)))
    assert header == ["run", "n", "s", "name", "more"]
    assert rows == ROWS


def test_large_tables_are_compressed_and_equal_tables_give_equal_bytes(tmp_path, monkeypatch):
    assert ending_for(TABLE) == "csv"
    monkeypatch.setattr(csv_files, "LARGE", 8)
    assert ending_for(TABLE) == "csv.gz"
    for name in ("a", "b"):
        write_csv(tmp_path / name, TABLE)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert gzip.decompress((tmp_path / "a").read_bytes()).decode() == csv_text(TABLE)
    write_csv(tmp_path / "c", TABLE[1:])
    assert (tmp_path / "c").read_text() == csv_text(TABLE[1:])


def test_memory_does_not_grow_with_the_rows(tmp_path):
    table = [{"run": "a", "s": np.zeros(400_000)}]
    tracemalloc.start()
    write_csv(tmp_path / "t.csv.gz", table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


def test_what_does_not_change_from_epoch_to_epoch_is_written_once():
    """Filled in from above, item by item, the table is the whole one."""

    def block(split, epoch, labels, items=(3, 5)):
        columns = {"item": np.array(items), "x": RANDOM.random(len(items)), "label": np.array(labels)}
        return {"run": "a", "split": split, "epoch": epoch, **columns}

    table = [
        block("train", 0, [1, 2]), block("test", 0, [1, 2]), block("train", 1, [1, 2]),
        block("train", 2, [1, 2]), block("test", 1, [1, 7]), block("test", 2, [1, 7]),
        block("train", 3, [1, 2], items=(3, 6)), block("train", 4, [1, 2, 2], items=(3, 6, 7)),
    ]  # fmt: skip
    short = without_repeats(table, ["label", "name"], key="item")
    assert ["label" in one for one in short] == [True, True, False, False, True, False, True, True]
    assert [list(one)[:5] for one in short] == [["run", "split", "epoch", "item", "x"]] * 8
    last, filled = {}, []
    for row in csv.DictReader(io.StringIO(csv_text(short))):
        key = row["split"], row["item"]
        row["label"] = last[key] = row["label"] or last[key]
        filled.append(row)
    assert filled == list(csv.DictReader(io.StringIO(csv_text(table))))
