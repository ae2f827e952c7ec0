from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from faults import Killed
from hypothesis import given
from hypothesis import strategies as st
from training_support import finish, snapshots, train

import embedlens
from embedlens import InputError
from embedlens.training.backbones.base import BACKBONES, Backbone
from embedlens.training.checkpoint import resumed_config
from embedlens.training.choices import OptimisationChoice
from embedlens.training.config import TrainConfig
from embedlens.training.datasets.base import DATASETS, Catalogue
from embedlens.training.early_stop import stop_reason
from embedlens.training.inputs import ArrayInputs, View
from embedlens.training.loop import TrainingLoop
from embedlens.training.optimisation import Stepper

SMALL = TrainConfig(
    data="few-digits", backbone="tiny", epochs=2, dim=8, classes_per_batch=5, items_per_class=4, augment=False
)
FULL = replace(
    SMALL, optimizer="adamw", weight_decay=0.01, schedule="cosine", warmup=0.5, clip=0.5, embedding_l2=0.01
)
CPU = torch.device("cpu")
STEPS = 6


@pytest.fixture(scope="module", autouse=True)
def few_digits():
    """A data set of 120 images to train on and as many to test on, and a small network."""

    @DATASETS.register("few-digits")
    def load(root=None):
        whole = DATASETS.get("digits")(root)
        rows = np.concatenate([np.flatnonzero(whole.labels == label)[:24] for label in range(10)])
        items = {"class": [str(label) for label in whole.labels[rows]]}
        return Catalogue(
            whole.images.take(rows), whole.labels[rows], items, whole.class_names, mirrored=False
        )

    @BACKBONES.register("tiny")
    def build(choice, data, workers):
        module = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(256, 32), torch.nn.BatchNorm1d(32), torch.nn.ReLU()
        )
        inputs = {
            split: ArrayInputs(part.images.pixels, View(1), mirrored=False)
            for split, part in data.splits.items()
        }
        return Backbone(module, 32, inputs, pretrained=False)

    yield
    del DATASETS._entries["few-digits"], BACKBONES._entries["tiny"]


def killed_after_epoch_1(progress):
    if progress.epoch == 1 and progress.row:
        raise Killed


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "plain"
    train(path, SMALL)
    return path


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "full"
    train(path, FULL)
    return path


# Learning rates


def rates(config, steps):
    return [
        config.lr_of_step(epoch, step, steps=steps)
        for epoch in range(1, config.epochs + 1)
        for step in range(1, steps + 1)
    ]


def test_a_step_schedule_falls_every_few_epochs():
    config = OptimisationChoice(lr=2.0, epochs=5, lr_step=2, lr_gamma=0.5)
    assert rates(config, 3) == [2.0] * 6 + [1.0] * 6 + [0.5] * 3
    assert rates(replace(config, lr_step=0), 2) == [2.0] * 10


def test_a_warm_up_rises_evenly_and_reaches_the_full_rate():
    config = OptimisationChoice(lr=1.0, epochs=3, warmup=1)
    assert rates(config, 4) == pytest.approx([0.25, 0.5, 0.75, 1.0] + [1.0] * 8)


def test_a_warm_up_of_part_of_an_epoch_or_more_than_one():
    config = OptimisationChoice(lr=1.0, epochs=3, warmup=0.5)
    assert rates(config, 4) == pytest.approx([0.5, 1.0] + [1.0] * 10)
    rising = [min(1, step / 6) for step in range(1, 13)]
    assert rates(replace(config, warmup=1.5), 4) == pytest.approx(rising)
    assert rates(replace(config, warmup=0.3), 4)[:2] == pytest.approx([1 / 1.2, 1.0])


def test_a_warm_up_multiplies_the_step_schedule():
    config = OptimisationChoice(lr=1.0, epochs=3, warmup=2, lr_step=1, lr_gamma=0.1)
    rising = [step / 4 * 0.1 ** ((step - 1) // 2) for step in range(1, 5)]
    assert rates(config, 2) == pytest.approx([*rising, 0.01, 0.01])


def test_a_cosine_falls_from_the_full_rate_to_the_last_step_before_0():
    config = OptimisationChoice(lr=3.0, epochs=4, schedule="cosine")
    expected = [1.5 * (1 + math.cos(math.pi * taken / 20)) for taken in range(20)]
    assert rates(config, 5) == pytest.approx(expected)
    assert config.lr_at(4, 1.0) == pytest.approx(0, abs=1e-12)
    assert config.lr_at(3) == pytest.approx(1.5)


def test_a_cosine_starts_where_the_warm_up_ends():
    config = OptimisationChoice(lr=1.0, epochs=4, schedule="cosine", warmup=1.5)
    steps, warm = 4, 6
    rising = [taken / warm for taken in range(1, warm + 1)]
    falling = [0.5 * (1 + math.cos(math.pi * (taken - warm) / 10)) for taken in range(warm, 16)]
    assert rates(config, steps) == pytest.approx(rising + falling)


def test_a_warm_up_longer_than_the_training_never_arrives():
    config = OptimisationChoice(lr=1.0, epochs=2, schedule="cosine", warmup=4)
    assert rates(config, 2) == pytest.approx([0.125, 0.25, 0.375, 0.5])


@given(
    schedule=st.sampled_from(["step", "cosine"]),
    epochs=st.integers(1, 6),
    steps=st.integers(1, 9),
    warmup=st.floats(0, 8),
    lr=st.floats(1e-6, 10),
)
def test_rates_stay_between_0_and_the_full_one(schedule, epochs, steps, warmup, lr):
    config = OptimisationChoice(lr=lr, epochs=epochs, schedule=schedule, warmup=warmup)
    all_rates = rates(config, steps)
    assert all(0 < rate <= lr for rate in all_rates)
    warm = [rate for taken, rate in enumerate(all_rates) if taken < warmup * steps]
    assert warm == sorted(warm)
    if schedule == "cosine":
        falling = all_rates[len(warm) :]
        assert falling == sorted(falling, reverse=True)
        largest = max(lr / max(warmup * steps, 1), lr * math.pi / 2 / max((epochs - warmup) * steps, 1e-9))
        jumps = [abs(b - a) for a, b in zip(all_rates, all_rates[1:], strict=False)]
        assert max(jumps, default=0) <= largest * (1 + 1e-9)


# One step


def tiny(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3))


TORCHS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.02, weight_decay=0.1),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.02, weight_decay=0.1),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.02, weight_decay=0.1, momentum=0.9),
    "rmsprop": lambda parameters: torch.optim.RMSprop(parameters, lr=0.02, weight_decay=0.1),
}


@pytest.mark.parametrize("name", list(TORCHS))
def test_optimisers_step_as_torch_s_own(name):
    config = OptimisationChoice(optimizer=name, lr=0.02, weight_decay=0.1)
    ours, theirs = tiny(), tiny()
    stepper, reference = Stepper(config, ours, CPU), TORCHS[name](theirs.parameters())
    batch = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
    before = copy.deepcopy(ours.state_dict())
    for _ in range(4):
        stepper.backward(ours(batch).square().sum())
        assert stepper.step() == {}
        reference.zero_grad()
        theirs(batch).square().sum().backward()
        reference.step()
    for key, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[key])
        assert not torch.equal(value, before[key])


def test_decoupled_weight_decay_is_not_the_l2_penalty():
    """With no gradient AdamW shrinks weights by lr * decay; Adam steps by lr."""
    ended = {}
    for name in ("adam", "adamw"):
        module = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.constant_(module.weight, 2.0)
        config = OptimisationChoice(optimizer=name, lr=0.1, weight_decay=0.5)
        stepper = Stepper(config, module, CPU)
        stepper.backward(module.weight.sum() * 0)
        stepper.step()
        ended[name] = module.weight.item()
    assert ended["adamw"] == pytest.approx(2 * (1 - 0.1 * 0.5))
    assert ended["adam"] == pytest.approx(2 - 0.1, abs=1e-4)


def test_frozen_parameters_are_left_out():
    module = tiny()
    module[0].requires_grad_(False)
    stepper = Stepper(OptimisationChoice(weight_decay=0.1), module, CPU)
    before = module[0].weight.clone()
    stepper.backward(module(torch.ones(2, 5)).sum())
    stepper.step()
    assert torch.equal(module[0].weight, before)
    assert sum(len(group["params"]) for group in stepper.optimizer.param_groups) == 2


def test_the_rate_set_is_the_one_stepped_with():
    module = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(module.weight)
    stepper = Stepper(OptimisationChoice(optimizer="sgd", lr=0.5, epochs=2, warmup=1), module, CPU)
    assert stepper.set_rate(1, 1, steps=2) == 0.25
    stepper.backward(module.weight.sum())
    stepper.step()
    assert module.weight.item() == pytest.approx(-0.25)


@given(scale=st.floats(1e-3, 1e3), clip=st.floats(1e-3, 1e3))
def test_clipping_shortens_the_gradient_and_tells_its_length_before(scale, clip):
    module = tiny()
    stepper = Stepper(OptimisationChoice(optimizer="sgd", clip=clip), module, CPU)
    stepper.backward(scale * module(torch.ones(2, 5)).square().sum())
    before = torch.cat([value.grad.flatten() for value in module.parameters()]).clone()
    told = stepper.step()["gradient_norm"]
    after = torch.cat([value.grad.flatten() for value in module.parameters()])
    length = float(before.norm())
    assert told == pytest.approx(length, rel=1e-5)
    assert float(after.norm()) <= clip * (1 + 1e-5)
    expected = before * min(1, clip / (length + 1e-6))  # torch's own guard against a length of 0
    torch.testing.assert_close(after, expected, rtol=1e-4, atol=1e-12)


def test_what_the_log_says_of_clipping(full, plain):
    rows = embedlens.open_run(full).log
    assert rows[0].get("gradient_norm") is None
    assert all(row["gradient_norm"] > FULL.clip for row in rows[1:])
    assert all("gradient_norm" not in row for row in embedlens.open_run(plain).log)


def test_the_log_has_the_rate_of_the_last_step(full, plain):
    rows = embedlens.open_run(full).log
    assert [row["step"] for row in rows] == [0, STEPS, 2 * STEPS]
    warm, whole = 3, 2 * STEPS
    expected = [
        0.0005 * (1 + math.cos(math.pi * (last - 1 - warm) / (whole - warm))) for last in (STEPS, whole)
    ]
    assert [row["lr"] for row in rows[1:]] == pytest.approx(expected)
    assert [row["lr"] for row in embedlens.open_run(plain).log[1:]] == [0.001, 0.001]


def first_step(path, config):
    """The trainer, the images of its first batch, and the gradients of its first step."""
    trainer = TrainingLoop(config, path)
    seen = []

    def look(module, inputs, outputs):
        if module.training:
            seen.append(inputs[0].detach().clone())

    def stop():
        raise Killed

    trainer.method.network.register_forward_hook(look)
    trainer.stepper.step = stop
    with pytest.raises(Killed):
        finish(trainer)
    return trainer, seen[0], [value.grad.clone() for value in trainer.method.network.parameters()]


def test_the_l2_penalty_adds_the_gradient_of_the_mean_squared_norm(tmp_path):
    config = replace(SMALL, epochs=1)
    _, batch, without = first_step(tmp_path / "without", config)
    trainer, same, with_it = first_step(tmp_path / "with", replace(config, embedding_l2=0.3))
    assert torch.equal(batch, same)
    network = trainer.method.network
    network.zero_grad()
    embeddings = network(batch)
    penalty = sum((row * row).sum() for row in embeddings) / len(embeddings)
    (0.3 * penalty).backward()
    scale = max(float(value.grad.abs().max()) for value in network.parameters())
    for value, plain_one, added in zip(network.parameters(), without, with_it, strict=True):
        torch.testing.assert_close(added - plain_one, value.grad, rtol=1e-3, atol=1e-4 * scale)


def test_the_l2_penalty_is_logged_apart(full, plain):
    row = embedlens.open_run(full).log[1]
    assert row["embedding_l2"] > 0
    assert "embedding_l2" not in embedlens.open_run(plain).log[1]


# Precision


def test_bfloat16_trains_and_records_float32(tmp_path, plain):
    run = train(tmp_path / "run", replace(SMALL, precision="bfloat16"))
    array = np.load(tmp_path / "run/splits/test/epoch-0002.npy")
    assert array.dtype == np.float32
    reference = np.load(plain / "splits/test/epoch-0002.npy")
    assert not np.array_equal(array, reference)
    moved = np.abs(reference - np.load(plain / "splits/test/epoch-0000.npy")).mean()
    assert np.abs(array - reference).mean() < moved
    assert run.log[2]["loss"] < run.log[1]["loss"]
    ours, theirs = snapshots(tmp_path / "run"), snapshots(plain)
    assert ours["splits/test/epoch-0000.npy"] == theirs["splits/test/epoch-0000.npy"]
    state = torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["network"]
    assert {value.dtype for value in state.values()} == {torch.float32, torch.int64}


def test_bfloat16_networks_see_bfloat16():
    module, kinds = tiny(), []
    module[0].register_forward_hook(lambda module, inputs, outputs: kinds.append(outputs.dtype))
    for precision in ("bfloat16", "float32"):
        stepper = Stepper(OptimisationChoice(precision=precision), module, CPU)
        with stepper.precision():
            module(torch.ones(2, 5))
    assert kinds == [torch.bfloat16, torch.float32]


def test_float16_on_a_cpu_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^--precision float16 needs --device cuda; on cpu there is bf"):
        train(tmp_path / "run", replace(SMALL, precision="float16"))
    assert not (tmp_path / "run").exists()


# Choices


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "lion"}, "unknown optimizer 'lion'; choose one of: adam, adamw, sgd, rmsprop"),
        ({"schedule": "linear"}, "unknown schedule 'linear'; choose one of: step, cosine"),
        ({"precision": "half"}, "unknown precision 'half'; choose one of: float32, bfloat16, float16"),
        ({"dim": 0}, "dim is 0; 1 is the least"),
        ({"epochs": -1}, "epochs is -1; 0 is the least"),
        ({"lr_step": -1}, "lr_step is -1; 0 is the least"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1; 0 is the least"),
        ({"weight_decay": math.nan}, "weight_decay is nan; 0 is the least"),
        ({"warmup": -1.0}, "warmup is -1.0; 0 is the least"),
        ({"warmup": math.inf}, "warmup is inf; 0 is the least"),
        ({"embedding_l2": -1.0}, "embedding_l2 is -1.0; 0 is the least"),
        ({"patience": 0}, "patience is 0; 1 is the least"),
        ({"image_size": 7}, "image_size is 7; 8 is the least"),
        ({"lr": 0.0}, "lr is 0.0; a number above 0 is needed"),
        ({"lr": math.inf}, "lr is inf; a number above 0 is needed"),
        ({"lr_gamma": 0.0}, "lr_gamma is 0.0; a number above 0 is needed"),
        ({"clip": 0.0}, "clip is 0.0; a number above 0 is needed"),
        ({"clip": math.nan}, "clip is nan; a number above 0 is needed"),
        ({"schedule": "cosine", "lr_step": 2}, "lr_step is 2, but the schedule is cosine; leave one out"),
    ],
)
def test_choices_that_cannot_be(change, message):
    with pytest.raises(InputError) as refused:
        replace(SMALL, **change)
    assert str(refused.value) == message


# Resuming


def test_killed_with_all_options_and_resumed_ends_with_the_same_bytes(full, tmp_path):
    path = tmp_path / "killed"
    with pytest.raises(Killed):
        train(path, FULL, killed_after_epoch_1)
    assert embedlens.open_run(path).epochs() == [0, 1]
    train(path, resumed_config(path, None), resume=True)
    assert snapshots(path) == snapshots(full)
    columns = ("lr", "loss", "gradient_norm", "embedding_l2")
    logs = [embedlens.open_run(run).log[2] for run in (path, full)]
    assert [logs[0][name] for name in columns] == [logs[1][name] for name in columns]


def test_a_checkpoint_without_a_scaler_loads(full, tmp_path):
    path = tmp_path / "old"
    with pytest.raises(Killed):
        train(path, FULL, killed_after_epoch_1)
    state = torch.load(path / "checkpoint.pt", weights_only=True)
    del state["scaler"]
    torch.save(state, path / "checkpoint.pt")
    train(path, resumed_config(path, None), resume=True)
    assert snapshots(path) == snapshots(full)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_what_was_recorded(plain, tmp_path, value):
    trainer = TrainingLoop(SMALL, tmp_path / "run")
    usual, calls = trainer.method.loss, []

    def loss(outputs, labels, learner):
        calls.append(1)
        found, logs = usual(outputs, labels, learner)
        return (found * value if len(calls) == STEPS + 3 else found), logs

    trainer.method.loss = loss
    message = rf"^the loss is {value} at epoch 2, step 3; the epochs before stay recorded, try a lower --lr$"
    with pytest.raises(InputError, match=message):
        finish(trainer)
    run = embedlens.open_run(tmp_path / "run")
    assert run.epochs() == [0, 1]
    assert [row["epoch"] for row in run.log] == [0, 1]
    kept = snapshots(tmp_path / "run")
    assert kept == {name: data for name, data in snapshots(plain).items() if name in kept}
    train(tmp_path / "run", resumed_config(tmp_path / "run", None), resume=True)
    assert snapshots(tmp_path / "run") == snapshots(plain)


# Early stop


def log_rows(values, name="score"):
    return [{"epoch": float(epoch), name: value} for epoch, value in enumerate(values)]


def stops(values, patience, *, lower=False):
    """Plain loop: whether so many values in a row were no better than the best before them."""
    best, since = None, 0
    for value in values:
        if value is None:
            continue
        if best is None or (value < best if lower else value > best):
            best, since = value, 0
        else:
            since += 1
    return since >= patience


@given(
    values=st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=12),
    patience=st.integers(1, 5),
)
def test_stopping_is_that_of_a_plain_loop(values, patience):
    assert bool(stop_reason(log_rows(values), "score", patience)) == stops(values, patience)
    falling = log_rows([None, *values], "loss")
    assert bool(stop_reason(falling, "loss", patience)) == stops(values, patience, lower=True)


def test_a_tie_is_no_better_and_the_first_of_equals_is_the_best():
    reason = stop_reason(log_rows([0.1, 0.5, 0.5, 0.5]), "score", 2)
    assert reason == "epoch 3: score has been no better since epoch 1, 0.5000; training ends"
    assert stop_reason(log_rows([0.1, 0.5, 0.5, 0.5]), "score", 3) is None


def test_a_loss_is_better_the_lower():
    losses = log_rows([None, 3.0, 2.0, 2.5, 2.25], "loss")
    assert stop_reason(losses, "loss", 3) is None
    reason = stop_reason(losses, "loss", 2)
    assert reason == "epoch 4: loss has been no better since epoch 2, 2.0000; training ends"
    assert stop_reason(log_rows([3.0, 2.0, 1.0], "validation_loss"), "validation_loss", 1) is None


def plain_stop(values, patience):
    """Plain loop: whether so many epochs in a row, finite or not, were no better than the best before."""
    best, since = -math.inf, 0
    for value in values:
        if math.isfinite(value) and value > best:
            best, since = value, 0
        else:
            since += 1
    return since >= patience


@given(
    values=st.lists(st.sampled_from([0.0, 0.5, 1.0, math.nan, math.inf, -math.inf]), min_size=1, max_size=9),
    patience=st.integers(1, 4),
)
def test_a_value_that_is_not_finite_is_no_better_and_training_still_ends(values, patience):
    assert bool(stop_reason(log_rows(values), "score", patience)) == plain_stop(values, patience)


def test_the_reason_counts_what_is_not_finite():
    nan = math.nan
    reason = stop_reason(log_rows([0.1, 0.5, nan, 0.2, nan]), "score", 3)
    assert reason == (
        "epoch 4: score has been no better since epoch 1, 0.5000 (NaN or infinite at 2 of these epochs); "
        "training ends"
    )
    reason = stop_reason(log_rows([nan, nan]), "score", 2)
    assert reason == "epoch 1: score is NaN or infinite at all 2 epochs; training ends"


def test_a_mean_similarity_is_better_the_lower():
    name = "test_mean_similarity"
    assert stop_reason(log_rows([0.9, 0.5, 0.3], name), name, 1) is None
    assert stop_reason(log_rows([0.3, 0.5, 0.9], name), name, 2).endswith(
        "since epoch 0, 0.3000; training ends"
    )


def test_without_a_metric_or_a_log_training_goes_on():
    assert stop_reason(log_rows([1.0, 0.0, 0.0]), None, 1) is None
    assert stop_reason([], "score", 1) is None
    assert stop_reason(log_rows([None]), "loss", 1) is None


def test_a_column_that_is_not_there_is_refused():
    log = [{"epoch": 0.0, "step": 0.0, "test_recall_at_1": 0.5, "seconds": 1.0}]
    with pytest.raises(InputError) as refused:
        stop_reason(log, "recall", 2)
    assert str(refused.value) == (
        "unknown column of the log to stop by 'recall'; choose one of: loss, seconds, test_recall_at_1"
    )
    with pytest.raises(InputError, match="'other_loss'; choose one of: loss, score"):
        stop_reason(log_rows([0.0, 1.0]), "other_loss", 2)


def scores(values):
    """Metrics that give these scores, one an epoch."""
    left = iter(values)
    return lambda embeddings, labels: {"score": next(left)}


def refused_metrics(embeddings, labels):
    raise AssertionError("nothing is left to train")


def test_a_run_stops_says_why_and_stays_stopped(tmp_path):
    path = tmp_path / "run"
    config = replace(SMALL, epochs=8, items_per_class=24, stop_metric="score", patience=2)
    trainer = TrainingLoop(config, path)
    run = finish(trainer, metrics=scores([0.1, 0.4, 0.3, 0.4, 0.9]))
    assert run.epochs() == [0, 1, 2, 3]
    assert trainer.stopped == "epoch 3: score has been no better since epoch 1, 0.4000; training ends"
    before = snapshots(path)
    again = TrainingLoop(resumed_config(path, None), path, resume=True)
    assert again.stopped is None
    assert finish(again, metrics=refused_metrics).epochs() == [0, 1, 2, 3]
    assert again.stopped == trainer.stopped
    assert snapshots(path) == before


def test_a_run_that_betters_itself_trains_to_the_end(tmp_path):
    config = replace(SMALL, epochs=4, items_per_class=24, stop_metric="score", patience=1)
    trainer = TrainingLoop(config, tmp_path / "run")
    assert finish(trainer, metrics=scores([0.1, 0.2, 0.3, 0.4, 0.5])).epochs() == [0, 1, 2, 3, 4]
    assert trainer.stopped is None


def test_a_run_to_be_stopped_by_what_is_not_measured_ends_after_epoch_0(tmp_path):
    config = replace(SMALL, stop_metric="recall")
    with pytest.raises(InputError, match="unknown column of the log to stop by 'recall'; choose one of: l"):
        train(tmp_path / "run", config, metrics=lambda embeddings, labels: {"score": 1.0})
    assert embedlens.open_run(tmp_path / "run").epochs() == [0]
