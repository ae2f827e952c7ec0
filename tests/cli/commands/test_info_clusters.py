from __future__ import annotations

import numpy as np
import pytest
from support import blobs

import embedlens


@pytest.mark.parametrize("number", [300_000_000, 1 << 62, -1])
def test_a_cluster_of_an_odd_number_is_left_out(cli, folder, number):
    z, y = blobs()
    with embedlens.Recorder(folder / "runs/a", labels={"test": y}) as recorder:
        for epoch in range(2):
            cluster = np.where(np.arange(len(y)) == epoch * 90, number, y)
            recorder.record(epoch, {"test": z}, extras={"test": {"cluster": cluster}})
    done = cli("info", "a")
    assert done.code == 0
    assert "warning: split 'test', epoch 0: what is recorded as cluster is left out" in done.err
    assert "R@1" in done.out
