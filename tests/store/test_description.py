"""A run and its recorder in a terminal and in a notebook."""

from __future__ import annotations

import html.parser
import shutil

import numpy as np
import pytest
from support import write_run

import embedlens
from embedlens.store import log_metrics


class _Table(html.parser.HTMLParser):
    """Cells by row, and names of all tags, of an HTML text."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags, self.attributes = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag in ("tr", "caption"):
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        self.rows[-1][-1:] = ["".join([*self.rows[-1][-1:], data])]


def _table(run):
    return _Table(run._repr_html_())


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", n=60)


def test_a_line_says_what_the_run_holds(run):
    assert repr(run) == (
        f"Run({str(run.path)!r}: train 60 items of 6 classes, test 60 items of 6 classes; "
        "3 epochs (0-2); 8 dims, float32)"
    )
    assert "named 'other': train" in repr(run.renamed("other"))


def test_a_table_says_it_too(run):
    table = _table(run)
    assert table.rows == [
        ["Run run"],
        ["method", "loss=none, seed=0"],
        ["epochs", "3 epochs (0-2)"],
        ["dims", "8 dims, float32"],
        ["path", run.path.as_posix()],
        ["split", "items", "classes"],
        ["train", "60", "6"],
        ["test", "60", "6"],
    ]
    # no colours, which would suit light or dark notebooks only
    assert {value for name, value in table.attributes if name == "style"} == {"text-align: left"}


def test_recall_of_the_last_epoch_is_shown_where_it_is_logged(run):
    log_metrics(run, 1, {"train_recall_at_1": 0.1, "test_recall_at_1": 0.2})
    assert _table(run).rows[5] == ["split", "items", "classes"]
    log_metrics(run, 2, {"test_recall_at_1": 0.98765})
    assert _table(run).rows[5:] == [
        ["split", "items", "classes", "R@1, epoch 2"],
        ["train", "60", "6", "-"],
        ["test", "60", "6", "0.9877"],
    ]


def test_names_are_no_markup(tmp_path):
    evil = '<script>alert("1 & 2")</script>\x1b'
    method = {"loss": evil, "<i>": 1, "none": None, "off": False, "empty": {}}
    recorder = embedlens.Recorder(
        tmp_path / "run", labels={"x": [0, 1]}, name=evil, method=method, class_names=["<u>", "&"]
    )
    with recorder:
        table = _table(recorder.run)
    assert table.tags == {"div", "table", "caption", "strong", "thead", "tbody", "tr", "th", "td"}
    shown = evil.replace("\x1b", "\\x1b")
    assert table.rows[0] == [f"Run {shown}"]
    assert table.rows[1] == ["method", f"loss={shown}, <i>=1"]
    assert table.rows[-1] == ["x", "2", "2"]


def test_long_runs_have_short_descriptions(tmp_path):
    labels = {f"split-{number}-{'x' * 50}": np.arange(4) for number in range(20)}
    method = {f"option {number}": "y" * 1000 for number in range(50)}
    with embedlens.Recorder(tmp_path / "run", labels=labels, method=method, name="z" * 200) as recorder:
        run = recorder.run
    assert len(repr(run)) < 500
    assert repr(run).endswith("17 more splits; no epoch yet; dims not known yet, float32)")
    rows = _table(run).rows
    assert rows[1][1].endswith(" and 34 more")
    assert len(rows[1][1]) < 2000
    assert rows[-1] == ["and 8 more splits"]
    assert len(rows) == 19


def test_a_recorder_says_what_it_has_recorded(tmp_path):
    with embedlens.Recorder(tmp_path / "run", labels={"test": [0, 0, 1]}) as recorder:
        start = f"Recorder({str(tmp_path / 'run')!r}: test 3 items of 2 classes; "
        assert repr(recorder) == f"{start}no epoch yet; dims not known yet, float32)"
        recorder.record(0, {"test": np.ones((3, 2))})
        assert repr(recorder) == f"{start}1 epoch (0); 2 dims, float32)"


def test_no_embeddings_are_read(run):
    for file in run.path.rglob("epoch-*.npy"):
        file.write_bytes(b"damaged")
    assert "3 epochs (0-2)" in repr(run)
    assert _table(run).rows[2] == ["epochs", "3 epochs (0-2)"]


def test_a_damaged_or_removed_run_is_described_as_far_as_it_goes(run):
    (run.path / "splits" / "test" / "labels.npy").write_bytes(b"damaged")
    (run.path / "log.csv").write_text("epoch,loss\nx,y\n")
    assert "test 60 items; 3 epochs" in repr(run)
    assert _table(run).rows[-1] == ["test", "60", "-"]
    shutil.rmtree(run.path)
    assert "train 60 items, test 60 items; folder not found; " in repr(run)
    assert _table(run).rows[2] == ["epochs", "folder not found"]


def test_a_pinned_run_shows_its_epochs(run):
    pinned = run.pinned()
    with embedlens.Recorder(
        run.path, labels={split: run.labels(split) for split in run.splits}, resume=True
    ) as recorder:
        recorder.record(3, {split: np.ones((60, 8)) for split in run.splits})
    assert "3 epochs (0-2)" in repr(pinned)
    assert "4 epochs (0-3)" in repr(run)


def test_a_relative_path_from_another_folder_is_no_empty_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = write_run("runs/mine")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert f"folder not found from {tmp_path / 'elsewhere'}" in repr(run)
