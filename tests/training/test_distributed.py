from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_support import train

import embedlens
from embedlens import InputError
from embedlens.errors import ReportedElsewhere
from embedlens.training.backbones.base import BACKBONES
from embedlens.training.checkpoint import resumed_config
from embedlens.training.config import TrainConfig
from embedlens.training.distributed import Team, check_team, parallel
from embedlens.training.loop import TrainingLoop

SCRIPT = Path(__file__).with_name("torchrun_script.py")
QUICK = ("epshn", "proxy-nca", "started")
SLOW = ("even", "hard-class", "norm", "longer", "extended")


def load_script():
    spec = importlib.util.spec_from_file_location("torchrun_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()


def torchrun(folder, jobs, processes=2):
    """Start the script in several processes; return what they said."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(processes), str(SCRIPT), str(folder), *jobs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def alone(folder, jobs):
    """Train the same jobs here, in one process."""
    script.register()
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    try:
        for job in jobs:
            script.train(folder, job, Team())
    finally:
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
        for name in ("conv", "norm"):
            del BACKBONES._entries[name]


def by_one_and_by_two(factory, jobs):
    """Return the folders in which one process, and two, have trained the jobs."""
    one, two = factory.mktemp("one"), factory.mktemp("two")
    torchrun(two, jobs)
    alone(one, jobs)
    return one, two


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    return by_one_and_by_two(tmp_path_factory, QUICK)


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    return by_one_and_by_two(tmp_path_factory, SLOW)


def ended(folder, job, rank=0):
    return torch.load(folder / f"{job}-{rank}.pt", weights_only=False)


def assert_same_training(folders, job):
    one, two = folders
    single, first, second = ended(one, job), ended(two, job), ended(two, job, 1)
    for name, value in single["weights"].items():
        torch.testing.assert_close(first["weights"][name], value, rtol=0, atol=1e-12)
        assert torch.equal(first["weights"][name], second["weights"][name])
    runs = [embedlens.open_run(folder / job) for folder in folders]
    assert runs[0].epochs() == runs[1].epochs()
    for split in runs[0].splits:
        for epoch in runs[0].epochs():
            arrays = [run.snapshot(split, epoch).embeddings for run in runs]
            np.testing.assert_allclose(arrays[0], arrays[1], rtol=0, atol=1e-6)
    trained = [run.snapshot("test", -1).embeddings - run.snapshot("test", 0).embeddings for run in runs]
    assert np.abs(trained[0]).mean() > 1e-4
    for single_row, row in zip(runs[0].log, runs[1].log, strict=True):
        assert single_row.keys() == row.keys()
        for name in single_row.keys() - {"seconds"}:
            assert (row[name] is None) == (single_row[name] is None)
            assert single_row[name] is None or row[name] == pytest.approx(single_row[name], rel=1e-9)


@pytest.mark.parametrize("job", QUICK)
def test_two_processes_train_what_one_trains(quick, job):
    assert ended(quick[0], job)["steps"] == script.STEPS
    assert_same_training(quick, job)


@pytest.mark.slow
@pytest.mark.parametrize("job", ["even", "hard-class"])
def test_two_processes_train_what_one_trains_in_other_batches(slow, job):
    assert_same_training(slow, job)


@pytest.mark.slow
def test_a_team_that_extends_a_run_ends_with_the_bytes_of_one_that_trained_longer(slow):
    files = [sorted((slow[1] / job).glob("splits/*/*.npy")) for job in ("longer", "extended")]
    assert [file.name for file in files[0]] == [file.name for file in files[1]]
    assert len(files[0]) > 4
    for longer, extended in zip(*files, strict=True):
        assert longer.read_bytes() == extended.read_bytes()


def test_gathered_rows_and_the_gradient_that_flows_back(quick):
    rows = script.numbers().requires_grad_()
    script.mixed(rows).backward()
    states = [torch.load(quick[1] / f"gather-{rank}.pt", weights_only=True) for rank in range(2)]
    for rank, state in enumerate(states):
        assert torch.equal(state["rows"], rows.detach())
        assert torch.equal(state["collected"], rows.detach().float())
        assert state["few"].shape == (1, script.DIM)
        assert torch.equal(state["few"], rows.detach()[:1].float())
        own = Team(rank=rank, size=2).rows_of(script.ROWS)
        # DistributedDataParallel takes the mean over the processes, and the sum is due.
        torch.testing.assert_close(state["gradient"] / 2, rows.grad[own], rtol=1e-12, atol=1e-12)


def test_the_gradient_of_the_reference_is_that_of_finite_differences():
    assert torch.autograd.gradcheck(script.mixed, script.numbers().requires_grad_())


def test_all_are_told_what_process_0_says(quick):
    states = [torch.load(quick[1] / f"gather-{rank}.pt", weights_only=True) for rank in range(2)]
    assert [state["told"] for state in states] == ["by 0", "by 0"]
    assert [state["led"] for state in states] == [0, None]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="names of threads are read from /proc")
def test_a_team_that_is_left_leaves_no_thread(quick):
    for rank in range(2):
        names = (quick[1] / f"threads-{rank}.txt").read_text().split()
        assert names
        assert not [name for name in names if "gloo" in name]


def test_what_process_0_refuses_all_refuse_and_one_tells(quick):
    told = [(quick[1] / f"refused-{rank}.txt").read_text() for rank in range(2)]
    assert told[0].startswith(f"InputError: {quick[1] / 'epshn'} already exists; continue it with")
    assert told[1] == "ReportedElsewhere: process 0 reports the reason"
    assert issubclass(ReportedElsewhere, InputError)


# A team


@given(rows=st.integers(0, 200), size=st.integers(1, 17))
def test_shares_cover_all_rows_in_order(rows, size):
    team = Team(size=size)
    shares = [team.rows_of(rows, rank) for rank in range(size)]
    assert [row for share in shares for row in range(rows)[share]] == list(range(rows))
    lengths = [share.stop - share.start for share in shares]
    assert max(lengths) - min(lengths) <= 1
    assert lengths == sorted(lengths, reverse=True)
    assert [Team(rank=rank, size=size).rows_of(rows) for rank in range(size)] == shares


def test_a_process_that_is_alone_shares_nothing():
    team, network = Team(), torch.nn.Linear(2, 2)
    rows = torch.ones(3, 2, requires_grad=True)
    assert team.leads
    assert team.gather(rows, 3) is rows
    assert parallel(network, team) is network
    assert team.broadcast("this") == "this"
    assert team.led(lambda: 5) == 5
    with team as joined:
        assert joined is team
        assert not torch.distributed.is_initialized()


def test_who_torchrun_says_one_is(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    team = Team.of_torchrun()
    assert (team.rank, team.size, team.device) == (0, 1, torch.device("cpu"))
    for name, value in {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    team = Team.of_torchrun("cpu")
    assert (team.rank, team.size, team.leads) == (5, 8, False)
    with pytest.raises(InputError, match="unknown device 'tpu'; choose one of: cpu, cuda"):
        Team.of_torchrun("tpu")


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(InputError, match="^process 2 of this machine has no GPU of its own; there are 2$"):
        Team.of_torchrun("cuda")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert Team.of_torchrun("cuda").device == torch.device("cuda", 1)


def test_a_batch_too_small_for_the_team_is_refused(tmp_path):
    check_team(Team(size=3), 3, rows=6)
    with pytest.raises(InputError) as refused:
        check_team(Team(size=3), 3, rows=5)
    assert str(refused.value) == "3 processes share batches of 5 rows; each needs two at least"
    config = TrainConfig(data="digits", classes_per_batch=2, items_per_class=2, processes=3)
    with pytest.raises(InputError, match="3 processes share batches of 4 rows; each needs two at least"):
        TrainingLoop(config, tmp_path / "run", team=Team(rank=1, size=3))
    assert not (tmp_path / "run").exists()


def test_a_run_is_resumed_by_as_many_processes_as_began_it(tmp_path):
    config = TrainConfig(data="digits", epochs=0, dim=4, backbone="small")
    train(tmp_path / "run", config)
    with pytest.raises(InputError, match="the run is trained by 1 processes, but 2 are here; other numbers"):
        TrainingLoop(resumed_config(tmp_path / "run", 1), tmp_path / "run", resume=True, team=Team(size=2))
    with pytest.raises(
        InputError, match=r"trained by 4 processes, but 1 are .* torchrun --nproc-per-node 4 "
    ):
        TrainingLoop(replace(config, processes=4), tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_the_processes_agree_on_the_statistics_of_batch_norm(slow):
    """What is recorded was embedded by all; their networks must be one network."""
    states = [ended(slow[1], "norm", rank) for rank in range(2)]
    for name, value in states[0]["weights"].items():
        assert torch.equal(states[1]["weights"][name], value), name
    assert torch.equal(states[0]["seen"], states[1]["seen"])
    recorded = embedlens.open_run(slow[1] / "norm").snapshot("train", -1).embeddings[states[0]["rows"]]
    np.testing.assert_allclose(recorded, states[0]["seen"], rtol=0, atol=1e-5)
