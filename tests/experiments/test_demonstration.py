import numpy as np
import pytest

import embedlens
from embedlens.errors import InputError
from embedlens.experiments import demo_runs, demonstration
from embedlens.training.config import TrainConfig


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.setenv("EMBEDLENS_RUNS", str(tmp_path / "runs"))

    def config(**words):
        return TrainConfig(**{**words, "data": "digits", "dim": 8, "threads": 1})

    monkeypatch.setattr(demonstration, "TrainConfig", config)


def test_runs_are_trained_once_and_longer_where_more_epochs_are_requested():
    first, second = demo_runs(epochs=1)
    assert (first.name, second.name) == ("demo-order1", "demo-order2")
    assert [run.method["loss_options"]["order"] for run in (first, second)] == [1, 2]
    before = first.path.joinpath("log.csv").read_bytes()
    again, _ = demo_runs(epochs=1)
    assert again.path.joinpath("log.csv").read_bytes() == before
    longer, _ = demo_runs(epochs=2)
    assert list(longer.epochs()) == [0, 1, 2]
    shorter, _ = demo_runs(epochs=1)
    assert list(shorter.epochs()) == [0, 1, 2]


def test_a_run_of_another_training_is_no_demonstration():
    labels = np.array([0, 0, 1, 1])
    with embedlens.Recorder(demonstration.demo_path(1), labels={"test": labels}) as recorder:
        recorder.record(0, {"test": np.eye(4)})
    with pytest.raises(InputError, match="demo-order1"):
        demo_runs(epochs=1)
