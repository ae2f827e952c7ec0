"""Text from outside, made safe for where it is shown."""

from __future__ import annotations

import csv
import io

import pytest

from embedlens.errors import did_you_mean, listed, unknown
from embedlens.text import csv_quoting, escaped, for_cell, for_json, for_latex, for_legend


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("汉字 é ü", "汉字 é ü"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202ereversed", "\\u202ereversed"),
        ("c1\x9b", "c1\\x9b"),
        ("lone\ud800", "lone\\ud800"),
        ("isolate\u2066", "isolate\\u2066"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text, shown):
    assert escaped(text) == shown
    assert escaped(shown) == shown


def test_line_breaks_may_stay():
    assert escaped("a\nb\x07", keep="\n") == "a\nb\\x07"


def test_labels_that_begin_with_an_underscore_are_shown():
    assert for_legend("_baseline") == "\u200b_baseline"
    assert for_legend("base_line") == "base_line"
    assert for_legend(None) is None


def test_latex_prints_every_special_character():
    assert for_latex(r"a_b^c~d\e&f%g#h$i{j}") == (
        r"a\_b\textasciicircum{}c\textasciitilde{}d\textbackslash{}e\&f\%g\#h\$i\{j\}"
    )


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=cmd()", "'=cmd()"), ("+sum", "'+sum"), ("-x", "'-x"), ("@a", "'@a"), ("\tb", "'\tb"),
        ("-1", "-1"), ("-1e-3", "-1e-3"), (-1.5, -1.5), ("a=b", "a=b"), ("", ""), (None, None),
    ],
)  # fmt: skip
def test_no_cell_is_a_formula(cell, written):
    assert for_cell(cell) == written


def test_json_has_no_number_that_is_not_finite():
    numbers = {"a": float("nan"), "b": [1, float("-inf"), (2.5, True)], "c": {"d": float("inf"), "e": "NaN"}}
    assert for_json(numbers) == {"a": None, "b": [1, None, [2.5, True]], "c": {"d": None, "e": "NaN"}}


def test_near_names_are_suggested_and_long_lists_are_cut():
    assert "; did you mean 'triplet'?" in str(unknown("tripet", "loss", ["margin", "triplet"]))
    assert "did you mean 'MAP'" in str(unknown("map", "metric", ["MAP", "NMI"]))
    assert did_you_mean("xyz", ["margin", "triplet"]) == ""
    assert listed(range(12)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
    assert len(str(unknown("x" * 5000, "run", [f"{'y' * 5000}{n}" for n in range(500)]))) < 1000


@pytest.mark.parametrize("columns", [{"a": ["x", "1"]}, {"a": ["c\rd", "e\r\nf"]}, {"a\rb": ["g\nh", ""]}])
def test_texts_with_carriage_returns_are_read_back(columns):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv_quoting(columns))
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    read = list(csv.reader(io.StringIO(text.getvalue(), newline="")))
    assert read == [list(columns), *([one] for one in columns.popitem()[1])]
