from __future__ import annotations

import pytest

from embedlens import InputError
from embedlens.tables import read_lines, read_table, read_text, split_line


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(tmp_path, end):
    file = tmp_path / "list.txt"
    file.write_bytes(end.join(["img/a.jpg 3", "img/b.jpg 4", ""]).encode())
    assert read_text(file) == "img/a.jpg 3\nimg/b.jpg 4\n"
    table = read_table(file)
    assert (table.rows, table.lines) == ([["img/a.jpg", "3"], ["img/b.jpg", "4"]], [1, 2])


def test_lines_keep_their_numbers_without_those_that_are_blank(tmp_path):
    file = tmp_path / "list.txt"
    file.write_text("\ufeffa\n\n \t\n  b \n")
    assert read_lines(file) == [(1, "a"), (4, "  b ")]
    with pytest.raises(InputError, match="more than 3 bytes"):
        read_lines(file, limit=3)


@pytest.mark.parametrize(
    ("line", "separator", "fields"),
    [
        ("a b  c", None, ["a", "b", "c"]),
        ('"a b" c', None, ["a b", "c"]),
        ('5" c"d', None, ["5", 'c"d']),
        ("a,b,,", ",", ["a", "b"]),
        ('"a,b", "c;d",1', ",", ["a,b", "c;d", "1"]),
        ('a "b" c,d', ",", ['a "b" c', "d"]),
        ('"open,b', ",", ["open", "b"]),
        ("", ",", []),
    ],
)
def test_fields_of_a_line(line, separator, fields):
    assert split_line(line, separator) == fields
