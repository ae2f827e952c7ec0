"""Values of logs, and scores, that are NaN or infinite: in no mean, never the best, and counted."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from support import assert_refused, write_run

import embedlens
from embedlens.analysis.experiments.comparison import RunScores, compare
from embedlens.analysis.experiments.sweep import summarise
from embedlens.experiments import comparison, score_rows, sweep_results
from embedlens.experiments.grid_runs import PlannedRun
from embedlens.experiments.score_rows import ScoreRow
from embedlens.experiments.sweep import Outcome, Score, measure
from embedlens.store import log_metrics
from embedlens.text import for_json
from embedlens.training.config import TrainConfig
from embedlens_cli.commands import sweep as sweep_command
from embedlens_cli.common import score_tables

NAN, INF = float("nan"), float("inf")


def repeated(losses):
    """Runs of one method, a seed each, whose log has these losses at the last epoch."""
    for seed, loss in enumerate(losses):
        run = write_run(f"runs/a-s{seed}", seed=seed, epochs=2, splits=("test",))
        log_metrics(run, 1, {"loss": loss})
    return [f"a-s{seed}" for seed in range(len(losses))]


def test_means_of_evaluate_say_what_they_leave_out(program, cli, folder):
    names = repeated([3.0, NAN, 1.0])
    done = program("evaluate", *names, "--metrics", "R@1")
    assert done.code == 0, done.err
    assert "2.0000 ± 1.4142 (2 of 3)" in done.out
    assert "a, test, epoch 1: NaN or infinite, and in no mean: loss in 1 of 3" in done.err
    answer = cli("evaluate", *names, "--metrics", "R@1", "--json").json
    told = answer["groups"]["a"]["test"]["1"]
    assert told["loss"] == {"mean": 2.0, "std": pytest.approx(2**0.5), "seeds": 3, "missing": 1}
    assert set(told["recall_at_1"]) == {"mean", "std", "seeds"}
    assert answer["summary"]["a-s1"]["test"]["1"]["loss"] is None
    latex = cli("evaluate", *names, "--metrics", "R@1", "--latex").out
    assert r"2.000 $\pm$ 1.414 (2 of 3)" in latex
    table = cli("evaluate", *names, "--metrics", "R@1", "--csv").out.splitlines()
    assert table[0].endswith("loss_missing")
    assert table[-1].endswith(",1")


def test_a_mean_of_nothing_is_no_number_and_a_single_one_has_no_deviation():
    rows = [ScoreRow(f"s{seed}", "test", 1, {"loss": loss, "nmi": nmi}) for seed, loss, nmi in
            ((0, NAN, 0.5), (1, INF, NAN), (2, NAN, NAN))]  # fmt: skip
    (mean,) = score_rows.mean_rows(rows, {"s": ["s0", "s1", "s2"]})
    assert mean.values["nmi"] == 0.5
    assert mean.missing == {"loss": (3, 3), "nmi": (2, 3)}
    _, (cells,) = score_tables.plain([mean], width=None)
    assert cells[1:] == ["nan (0 of 3)", "0.5000 (1 of 3)"]
    assert "-- (0 of 3) & 50.0 (1 of 3)" in score_tables.latex([mean])
    assert for_json(score_rows.summary([mean]))["s"]["test"]["1"]["loss"] == {
        "mean": None, "std": None, "seeds": 3, "missing": 3
    }  # fmt: skip


@pytest.mark.parametrize("odd", [NAN, INF])
def test_the_best_in_bold_is_a_finite_one(odd):
    rows = [ScoreRow(name, "test", 1, {"nmi": value}) for name, value in (("a", odd), ("b", 0.4), ("c", 0.6))]
    text = score_tables.latex(rows)
    assert r"\textbf{60.0}" in text
    assert text.count("textbf") == 1


def test_compared_means_say_what_they_leave_out():
    table = {"ep": [(0.5, 0.2), (0.7, NAN), (0.6, NAN)], "epshn": [(0.4, NAN)] * 3}
    result = compare(
        RunScores(name, name, seed, {"recall_at_1": r, "nmi": nmi})
        for name, row in table.items()
        for seed, (r, nmi) in enumerate(row)
    )
    rows = comparison.mean_rows(result, split="test", epochs={"ep": 4, "epshn": 4})
    assert [row.run for row in rows] == ["ep", "epshn"]  # neither row goes for the NaN of one score
    _, cells = score_tables.plain(rows, width=None)
    mean, spread = statistics.mean([0.5, 0.7, 0.6]), statistics.stdev([0.5, 0.7, 0.6])
    assert cells[0][1:] == [f"{mean:.4f} ± {spread:.4f}", "0.2000 (1 of 3)"]
    assert cells[1][2] == "nan (0 of 3)"
    assert score_tables.missing(rows) == [
        "ep, test, epoch 4: NaN or infinite, and in no mean: NMI in 2 of 3",
        "epshn, test, epoch 4: NaN or infinite, and in no mean: NMI in 3 of 3",
    ]
    assert r"\textbf{20.0} (1 of 3)" not in score_tables.latex(rows)  # nothing finite to compare it with


def planned(name, seed=0, loss="ep"):
    return PlannedRun(
        write_run(f"runs/{name}", epochs=3, seed=seed).path, TrainConfig(loss=loss, epochs=2), 2
    )


def test_a_sweep_measures_what_the_log_has_as_nan(folder):
    one = planned("odd")
    run = write_run("runs/plain", epochs=3)
    for epoch in (0, 2):
        odd = dict.fromkeys(("test_recall_at_1", "test_effective_rank", "test_mean_similarity"), NAN)
        log_metrics(embedlens.open_run(one.path), epoch, odd)
    score = Score("recall_at_1", "test")
    (found,) = measure([one], {}, score)
    expected = Score("recall_at_1", "test")
    assert (found.value, found.initial) == (expected.of(run, 2)[0], expected.of(run, 0)[0])
    assert found.source == "computed"
    assert found.effective_rank > 1
    assert found.failure == ""


def test_a_score_that_is_not_finite_is_a_failure_and_never_the_best(folder, monkeypatch, capsys):
    values = {"bad": NAN, "huge": INF, "low": 0.4, "high": 0.6}
    every = [
        planned(name, loss=loss) for name, loss in zip(values, ("ep", "hn", "shn", "epshn"), strict=True)
    ]
    monkeypatch.setattr(
        Score,
        "of",
        lambda self, run, epoch: (values[run.name] if epoch else NAN if run.name == "low" else 0.1, "log"),
    )
    score = Score("recall_at_1", "test")
    outcomes = measure(every, {}, score)
    assert [one.failure for one in outcomes] == [
        "recall_at_1 is nan at epoch 2", "recall_at_1 is inf at epoch 2", "", ""
    ]  # fmt: skip
    sweep_command.warn_of_failures(outcomes)
    told = capsys.readouterr().err
    assert "2 of 4 runs failed: bad, huge" in told
    assert "the score at epoch 0 is NaN or infinite in 1 of 4 runs" in told
    command = sweep_command.next_command(outcomes, score)
    assert command.split()[:3] == ["embedlens", "scatter", "runs/high"]
    result = summarise(one.record for one in outcomes)
    sweep_command.print_summary(result, "R@1", 2)
    printed = capsys.readouterr().out
    row = next(line.split() for line in printed.splitlines() if line.startswith("shn"))
    assert row[2:5] == ["-", "0.4000", "-"]
    assert "nan" not in printed


def test_outcomes_without_a_number_are_null_in_json(folder):
    one = Outcome(planned("odd"), 0.5, NAN, INF)
    numbers = for_json(sweep_results.summary([one], summarise([one.record])))["ep"]
    (rates,) = numbers.values()
    (dims,) = rates.values()
    assert dims["runs"]["odd"] == {
        "seed": 0, "value": 0.5, "initial": None, "gain": None, "effective_rank": None, "collapsed": False
    }  # fmt: skip


def test_seconds_that_are_nan_are_no_missing_column(cli, folder):
    run = write_run("runs/one", epochs=3)
    for epoch in range(3):
        log_metrics(run, epoch, {"loss": 1.0, "seconds": NAN if epoch == 2 else 1.0})
    refused = cli("curves", "one", "--metrics", "loss", "--x", "seconds")
    assert_refused(refused, "'seconds' is NaN or infinite at epoch 2; draw it against --x epoch")


@pytest.mark.parametrize("command", ["info", "spectrum --epoch all", "evaluate --log", "sampling"])
def test_a_log_of_nan_stops_no_command(cli, folder, command):
    run = write_run("runs/one", epochs=3, splits=("test",))
    for epoch in range(3):
        log_metrics(run, epoch, {"loss": NAN, "test_recall_at_1": INF})
    word, *more = command.split()
    more += ["--format", "png"] if word in ("spectrum", "sampling") else []
    done = cli(word, "one", *more, "--json")
    assert done.code == 0, done.err
    assert "NaN" not in done.out
    assert "Infinity" not in done.out


def test_mining_that_picks_nothing_is_counted_over_the_epochs(cli, folder):
    y = np.repeat(np.arange(4), 4)
    apart = np.eye(4, dtype=np.float32)[y]
    with embedlens.Recorder("runs/one", labels={"test": y}) as recorder:
        for epoch in range(3):
            recorder.record(
                epoch, {"test": apart if epoch else np.random.default_rng(1).normal(size=(16, 4))}
            )
    words = ("--show", "nonzero", "--mining", "semi-hard", "--batches", "2", "--format", "png")
    done = cli("sampling", "one", *words, "--json")
    assert done.code == 0, done.err
    assert "one, test: semi-hard mining selects nothing at 2 of 3 epochs (1, 2)" in done.err
