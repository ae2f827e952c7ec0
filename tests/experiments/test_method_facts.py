from dataclasses import asdict

from embedlens.experiments.method_facts import differing_options
from embedlens.training.config import TrainConfig


def test_options_that_differ_from_the_defaults_or_between_runs_are_kept():
    one = asdict(TrainConfig(loss="triplet", dim=32))
    assert differing_options([one]) == [{"loss": "triplet", "dim": 32}]
    other = asdict(TrainConfig(loss="triplet", dim=32, seed=3))
    assert differing_options([one, other]) == [
        {"loss": "triplet", "dim": 32, "seed": 0},
        {"loss": "triplet", "dim": 32, "seed": 3},
    ]


def test_the_loss_and_names_that_the_trainer_does_not_know_are_kept():
    assert differing_options([{"loss": "mine", "tau": 0.5}]) == [{"loss": "mine", "tau": 0.5}]
