from __future__ import annotations

import pytest
from support import assert_refused, write_run

from embedlens import InputError
from embedlens.store.log import read_log


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("epoch,loss\nnan,1\n", "line 2: epoch is nan; a whole number from 0 to 999999999"),
        ("epoch,loss\n0,1\ninf,1\n", "line 3: epoch is inf"),
        ("epoch,loss\n1e30,1\n", "line 2: epoch is 1e+30"),
        ("epoch,loss\n-1,1\n", "line 2: epoch is -1"),
        ("epoch,loss\n0.5,1\n", "line 2: epoch is 0.5"),
        ("epoch,loss\n,1\n", "line 2: epoch is missing"),
        ("loss\n1\n", "line 2: epoch is missing"),
        ("epoch,step\n0,nan\n", "line 2: step is nan"),
        (
            "epoch,loss\n0," + "9" * 131_073 + "\n",
            "line 2: not readable as CSV (field larger than",
        ),
        ("epoch,loss\n0,low\n", "line 2: could not convert string to float: 'low'"),
        ("epoch,loss,loss\n0,1,2\n", "line 1: two columns are named 'loss'"),
        ("epoch,\n0,1\n", "line 1: a column has no name"),
        ("epoch,loss\n0,1,2\n", "line 2: rows have different numbers of cells (3 here, 2 in the first)"),
        ("epoch,loss\n0\n", "line 2: rows have different numbers of cells (1 here, 2 in the first)"),
    ],
)
def test_a_broken_log_names_file_and_line(tmp_path, text, part):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        read_log(tmp_path / "log.csv")
    assert part in str(caught.value)
    assert "log.csv" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_log_that_is_not_utf_8(tmp_path):
    (tmp_path / "log.csv").write_bytes(b"epoch,loss\n0,1\n1,\xff\n")
    with pytest.raises(InputError, match=r"log.csv, line 3: not UTF-8 text"):
        read_log(tmp_path / "log.csv")


def test_what_a_log_may_hold(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,loss,step\n2,nan,7\n\n0,,\n1,inf,1e3\n")
    rows = read_log(tmp_path / "log.csv")
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert rows[0] == {"epoch": 0, "loss": None, "step": None}
    assert rows[1] == {"epoch": 1, "loss": float("inf"), "step": 1000}


def test_curves_of_a_broken_log(cli, folder):
    write_run(folder / "runs/a")
    (folder / "runs/a/log.csv").write_text("epoch,loss\nnan,1\n")
    assert_refused(cli("curves", "a"), "log.csv, line 2: epoch is nan")
