from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from report_support import header_in, record
from schemas import faults
from support import assert_refused, tree, write_run

pytestmark = pytest.mark.usefixtures("run")


def test_through_the_real_entry_point(program, folder):
    done = program("report", "runs/mine", "--no-figures")
    assert done.code == 0, done.err
    assert done.err == ""
    assert done.out.startswith("report: runs/mine/figures/report.html (")
    page = (folder / "runs/mine/figures/report.html").read_text(encoding="utf-8")
    header, _ = header_in(page)
    assert header["command"] == "embedlens report runs/mine --no-figures"
    assert [one["split"] for one in header["datasets"]] == ["train", "test"]
    assert header["datasets"][0]["series"][0]["epochs"] == [0, 1, 2]


def test_answer_for_scripts(cli):
    done = cli(
        "report", "mine", "--split", "test", "--sample", 18, "--epoch", "0,2", "--no-figures", "--json"
    )
    assert done.code == 0, done.err
    answer = done.json
    assert faults(answer, "report") == []
    assert answer["figures"] == ["runs/mine/figures/report.html"]
    numbers = answer["summary"]["mine"]["test"]
    assert (numbers["shown"], numbers["of"]) == (18, 60)
    assert set(numbers["epochs"]) == {"0", "2"}
    assert numbers["epochs"]["2"]["n"] == 60
    assert answer["messages"] == ["Split test: 18 of 60 triplets are shown, drawn by class."]


def test_several_runs_with_names(cli, folder):
    write_run(folder / "runs/other", n=48)
    done = cli("report", "mine", "other", "--names", "Ours,Theirs", "--out", "deep/page.html", "--no-figures")
    assert done.code == 0, done.err
    header, _ = header_in((folder / "deep/page.html").read_text())
    assert [run["name"] for run in header["runs"]] == ["Ours", "Theirs"]
    assert "different items (Ours; Theirs)" in done.err
    done = cli("report", "mine", "other", "--no-figures")
    assert (folder / "figures/report.html").exists()


def test_a_report_is_replaced_and_nothing_else(cli, folder):
    words = ("report", "mine", "--split", "test", "--no-figures", "--out", "page.html")
    assert cli(*words).code == 0
    before = (folder / "page.html").read_text()
    assert cli(*words, "--epoch", "last").code == 0
    assert (folder / "page.html").read_text() != before
    for content in (b"<!doctype html>\n<p>mine</p>", b"", b"\xff\xfe"):
        (folder / "page.html").write_bytes(content)
        kept = tree(folder)
        assert_refused(cli(*words), "page.html exists and is no report")
        assert tree(folder) == kept
    assert_refused(cli("report", "mine", "--out", "runs"), "--out runs is a folder", "runs/report.html")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["nothing"], ["no such run: nothing"]),
        (["mine", "--split", "tset"], ["unknown split 'tset'", "test"]),
        (["mine", "--epoch", "7"], ["unknown epoch '7'"]),
        (["mine", "--sample", "0"], ["--sample"]),
        (["mine", "--thumbnails", "-1"], ["--thumbnails"]),
        (["mine", "--thumbnail-size", "4"], ["--thumbnail-size"]),
        (["mine", "--device", "tpu"], ["tpu"]),
        (["mine", "--ignore-label", "77"], ["77"]),
    ],
)
def test_bad_input(cli, folder, words, parts):
    before = tree(folder)
    assert_refused(cli("report", *words), *parts)
    assert tree(folder) == before


def test_no_positives(cli, folder):
    record(folder / "runs/alone", n=20, y=np.arange(20))
    assert_refused(cli("report", "alone"), "run 'alone', split 'test', epoch 0")


def test_items_left_out_have_no_dot(cli, folder):
    done = cli("report", "mine", "--split", "test", "--ignore-label", "1", "--no-figures", "--json")
    assert done.code == 0, done.err
    assert done.json["summary"]["mine"]["test"]["epochs"]["0"]["n"] == 50
    header, _ = header_in((folder / "runs/mine/figures/report.html").read_text())
    assert header["datasets"][0]["rows"]["shape"] == [50]


def test_the_demonstration_ends_with_a_report_and_names_it_first():
    from embedlens_cli.commands import demo

    assert demo._TOUR[-1][0].startswith("report {one} {two} ")
    ending = Path(demo.__file__).read_text().rpartition("_call(context")[2]
    assert ending.index("figures/report.html") < ending.index("All figures")
