"""record_embeddings with models and loaders that Accelerate has prepared, in one process and in two."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support import optional
from torch.utils.data import DataLoader

from embedlens import Recorder, open_run
from embedlens.integrations import record_embeddings

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:::accelerate")]
optional("accelerate")

from accelerate_support import DATA, X, Y, network, trained  # noqa: E402 - it needs the library


def embedded(weights):
    model = network().eval()
    model.load_state_dict(weights)
    with torch.no_grad():
        return model(X)


@pytest.mark.parametrize("rows", [None, 2])
@pytest.mark.parametrize("options", [{}, {"use_seedable_sampler": True}])
def test_one_process(tmp_path, rows, options):
    without, with_it = trained(rows=rows, **options), trained(tmp_path / "run", rows=rows, **options)
    run = open_run(tmp_path / "run")
    assert run.epochs() == [0, 1, 2]
    for epoch, (one, other) in enumerate(zip(without, with_it, strict=True)):
        assert all(torch.equal(one[name], other[name]) for name in one)
        for split in run.splits:
            np.testing.assert_allclose(run.snapshot(split, epoch).embeddings, embedded(one), atol=1e-6)


def test_two_processes(tmp_path):
    """They train alike with and without recording, and the run has the bytes of one process."""
    tests = Path(__file__).parent.parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = os.pathsep.join([str(tests), *sys.path])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "PYTHONPATH": path}
    started = [
        subprocess.Popen(
            [sys.executable, str(tests / "accelerate_support.py")],
            cwd=tmp_path,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=240)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], errors
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with Recorder(tmp_path / "one", labels={"train": Y, "test": Y}) as recorder:
        for epoch, weights in enumerate(torch.load(tmp_path / "weights-None.pt")):
            model = network()
            model.load_state_dict(weights)
            loader = DataLoader(DATA, 16)
            record_embeddings(model, {"train": loader, "test": loader}, recorder, epoch=epoch)
    torch.set_num_threads(threads)
    for file in sorted((tmp_path / "one").rglob("*.npy")):
        other = tmp_path / "run-None" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == other.read_bytes(), file
    run = open_run(tmp_path / "run-2")
    assert run.splits == ("train", "test", "stream")
    for epoch, weights in enumerate(torch.load(tmp_path / "weights-2.pt")):
        for split in run.splits:
            np.testing.assert_allclose(run.snapshot(split, epoch).embeddings, embedded(weights), atol=1e-6)
