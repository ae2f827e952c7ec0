"""Pairs files are read by the reader that all text goes through."""

from __future__ import annotations

import numpy as np
import pytest

from embedlens import InputError
from embedlens.pairs import ItemNames, read_pairs

PATHS = ["a/x, 1.jpg", "a/x 2.jpg", "b/y;1.jpg", "b/it's.jpg"]
NAMES = ItemNames(np.array([0, 0, 1, 1]), ["Ann Lee", "Ann Lee", "Bo", "Bo"], PATHS)
WANTED = [(0, 1, True), (2, 3, True), (0, 2, False), (3, 1, False)]
TAB = "\n".join(f"{PATHS[a]}\t{PATHS[b]}\t{same:d}" for a, b, same in WANTED) + "\n"


def found(tmp_path, content):
    file = tmp_path / "pairs.txt"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    pairs = read_pairs(file, NAMES, folds=2)
    return list(zip(pairs.a.tolist(), pairs.b.tolist(), pairs.same.tolist(), strict=True))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
def test_encodings_and_line_ends(tmp_path, encoding, end):
    assert found(tmp_path, TAB.replace("\n", end).encode(encoding)) == WANTED


@pytest.mark.parametrize("separator", [",", ";", " ", "   ", "\t", ", ", "; "])
def test_quoted_names_hold_any_separator(tmp_path, separator):
    lines = [separator.join([f'"{PATHS[a]}"', f'"{PATHS[b]}"', str(int(same))]) for a, b, same in WANTED]
    assert found(tmp_path, "\n".join(lines)) == WANTED
    titled = separator.join(["first", "second", "same"]) + "\n" + "\n".join(lines)
    assert found(tmp_path, titled) == WANTED


def test_a_quote_that_is_part_of_a_name(tmp_path):
    names = ItemNames(np.array([0, 0, 1, 1]), list("aabb"), ['5" disk.jpg', 'x".jpg', "c.jpg", "d.jpg"])
    file = tmp_path / "pairs.txt"
    file.write_text('5" disk.jpg\tx".jpg\t1\nc.jpg\td.jpg\t1\n5" disk.jpg\tc.jpg\t0\nd.jpg\tx".jpg\t0\n')
    assert read_pairs(file, names, folds=2).a.tolist() == [0, 2, 0, 3]


@pytest.mark.parametrize("first", ["2\t2", "2 2", "2;2", "2,2", " 2  2 "])
def test_a_first_line_with_folds_and_pairs_between_any_separators(tmp_path, first):
    names = ItemNames(np.array([0, 0, 0, 1, 1]), [*"aaabb"], by_order=True)
    file = tmp_path / "pairs.txt"
    file.write_text(f"{first}\n" + 2 * "a\t1\t2\nb\t1\t2\na\t1\tb\t1\na\t2\tb\t2\n")
    pairs = read_pairs(file, names)
    assert (pairs.n_folds, pairs.fold.tolist()) == (2, [0] * 4 + [1] * 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tb\t1\n\xe9\tb\t1\n", r"pairs.txt is not UTF-8 text.*line 2"),
        (b"a\tb\t1\nx\0\tb\t1\n", r"pairs.txt is not UTF-8 text \(line 2: a NUL"),
        ("\n\r\nx 1 z\n" + TAB, r"pairs.txt:3: the first line is 'x 1 z'"),
        ("\n" + TAB + "\nnone.jpg;x.jpg;1\n", r"pairs.txt:7: no item has the path or file name 'none.jpg'"),
    ],
)
def test_faults_are_named_by_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        found(tmp_path, content)
