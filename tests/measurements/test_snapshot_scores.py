"""Scores of recorded snapshots as rows, and in the logs of their runs."""

from __future__ import annotations

import errno

import pytest
from support import write_run

import embedlens
from embedlens import InputError
from embedlens.analysis.scores import ScoreSettings, score
from embedlens.experiments.score_rows import ScoreRow
from embedlens.measurements import snapshot_scores
from embedlens.measurements.reader import Reader
from embedlens.measurements.selected import Selected
from embedlens.measurements.snapshot_scores import log_scores, score_snapshot, without_other_losses
from embedlens.store import log_metrics


@pytest.fixture
def one(folder):
    run = write_run("runs/a", splits=("test",))
    log_metrics(run, 1, {"loss": 0.25})
    return Selected("a", embedlens.open_run("runs/a"), "test", 1, Reader())


def test_the_logged_loss_stands_beside_the_scores(one):
    (row,) = score_snapshot(one, ["recall_at_1", "nmi"], ScoreSettings())
    snapshot = one.snapshot
    expected = score(snapshot.embeddings, snapshot.labels, ["recall_at_1", "nmi"])
    assert row.values == {"loss": 0.25, **expected}
    assert (row.run, row.split, row.epoch, row.part) == ("a", "test", 1, "")


def test_slices_have_rows_of_their_own_and_the_loss_stands_with_the_whole(one):
    rows = score_snapshot(one, ["recall_at_1"], ScoreSettings(), slices="2")
    assert [row.part for row in rows] == ["1/2", "2/2", "1-2/2"]
    assert ["loss" in row.values for row in rows] == [False, False, True]


def test_losses_of_different_kinds_are_not_compared(one, monkeypatch):
    rows = [ScoreRow("a", "test", 1, {"loss": 0.25, "nmi": 0.5})]
    assert without_other_losses([one.run], rows) == rows
    losses = iter(["ep", "ms"])
    monkeypatch.setattr(snapshot_scores, "training_loss", lambda method: next(losses))
    (row,) = without_other_losses([one.run, one.run], rows)
    assert row.values == {"nmi": 0.5}


def test_scores_are_logged_by_split_without_counts_and_loss(one, monkeypatch):
    rows = [ScoreRow("a", "test", 1, {"loss": 9.0, "nmi": 0.5, "n": 60})]
    log_scores({"a": one.run}, rows)
    (logged,) = [row for row in embedlens.open_run("runs/a").log if row["epoch"] == 1]
    assert (logged["test_nmi"], logged["loss"]) == (0.5, 0.25)
    assert "test_n" not in logged

    def refuse(*_):
        raise OSError(errno.EROFS, "read-only file system")

    monkeypatch.setattr(snapshot_scores, "log_metrics", refuse)
    with pytest.raises(InputError, match="cannot be written to"):
        log_scores({"a": one.run}, rows)
