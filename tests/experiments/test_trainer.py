"""Training from Python measures and warns of what the command line does."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from losses_support import Together
from support import tree

import embedlens
from embedlens import InputError
from embedlens.analysis.scores import score
from embedlens.errors import InputWarning
from embedlens.experiments import Trainer
from embedlens.objectives import LOSSES
from embedlens.training.config import TrainConfig

SMALL = TrainConfig(data="digits", epochs=2, dim=4)
METRICS = ("recall_at_1", "effective_rank", "mean_similarity")


def trained(path, config, **options):
    """Train a run; return the trainer, the run and the texts of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer = Trainer(config, path)
        run = trainer.run(**options)
    assert {one.category for one in caught} <= {InputWarning}
    return trainer, run, [str(one.message) for one in caught]


def test_without_metrics_the_log_has_those_of_every_split(tmp_path):
    trainer, run, told = trained(tmp_path / "run", SMALL)
    assert (told, trainer.collapsed) == ([], False)
    for epoch, row in enumerate(run.log):
        for split in run.splits:
            snapshot = run.snapshot(split, epoch)
            expected = score(snapshot.embeddings, snapshot.labels, METRICS)
            assert [row[f"{split}_{name}"] for name in METRICS] == [expected[name] for name in METRICS]


def test_python_and_the_command_line_train_the_same_run(cli, folder):
    words = ["--data", "digits", "--epochs", "2", "--dim", "4", "--threads", "1", "--lr", repr(SMALL.lr)]
    assert cli("train", *words, "--out", "typed").code == 0
    config = replace(SMALL, sampler=embedlens.open_run("typed").method["sampler"])
    trained(folder / "python", config)

    def recorded(name):
        files = {path: data for path, data in tree(folder / name).items() if path.endswith(".npy")}
        log = embedlens.open_run(folder / name).log
        return files, [{key: value for key, value in row.items() if key != "seconds"} for row in log]

    assert recorded("python") == recorded("typed")


@pytest.fixture
def together(monkeypatch):
    monkeypatch.setitem(LOSSES._entries, "together", Together)
    return replace(SMALL, loss="together", lr=0.01)


def test_a_collapse_is_an_input_warning(tmp_path, together):
    trainer, _, (text,) = trained(tmp_path / "run", together)
    assert text.startswith("epoch 2: the space has collapsed")
    assert trainer.collapsed


def test_warnings_may_be_handed_to_a_function(tmp_path, together):
    texts, steps = [], []
    _, _, told = trained(tmp_path / "run", together, warn=texts.append, report=steps.append)
    assert told == []
    assert len(texts) == 1
    assert [step.epoch for step in steps if step.row is not None] == [0, 1, 2]


def test_metrics_of_the_caller_take_the_place_of_all_of_them(tmp_path, together):
    def metrics(embeddings, labels):
        return {"items": float(sum(map(len, labels.values())))}

    trainer, run, told = trained(tmp_path / "run", together, metrics=metrics)
    assert (told, trainer.collapsed) == ([], False)
    assert run.log[2]["items"] == sum(run.labels(split).size for split in run.splits)
    assert not any(name.endswith(METRICS) for name in run.log[2])


def test_a_resumed_run_is_followed_from_where_it_stood(tmp_path, together):
    Trainer(replace(together, epochs=1), tmp_path / "run").run()
    trainer = Trainer(together, tmp_path / "run", resume=True)
    with pytest.warns(InputWarning, match="epoch 2: the space has collapsed, for the second epoch in a row"):
        trainer.run()


def test_the_remarks_of_the_data_are_warnings(tmp_path):
    trainer = Trainer(replace(SMALL, epochs=0), tmp_path / "run")
    trainer.messages = ("the data are few",)
    with pytest.warns(InputWarning, match="the data are few"):
        trainer.run()


def test_metrics_leave_out_what_the_configuration_says(tmp_path):
    _, run, _ = trained(tmp_path / "run", replace(SMALL, epochs=0, ignore_label="7"))
    snapshot = run.snapshot("test", 0)
    kept = np.asarray(snapshot.labels) != 7
    expected = score(np.asarray(snapshot.embeddings)[kept], snapshot.labels[kept], ["recall_at_1"])
    assert run.log[0]["test_recall_at_1"] == expected["recall_at_1"]
    trainer = Trainer(replace(SMALL, ignore_label="99"), tmp_path / "other")
    with pytest.raises(InputError, match="99"):
        trainer.run()


def test_a_trainer_says_where_it_stands(tmp_path):
    config = replace(SMALL, epochs=1)
    trainer = Trainer(config, tmp_path / "run")
    start = f"Trainer({str(tmp_path / 'run')!r}, device cpu"
    shown = repr(trainer.config)
    assert repr(trainer) == f"{start}, not begun: {shown})"
    trainer.run()
    assert repr(trainer) == f"{start}, epoch 1 of 1: {shown})"
    assert "dim=4" in shown
    assert "\n" not in shown
