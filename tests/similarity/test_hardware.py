from __future__ import annotations

import numpy as np
import pytest
import torch
from support import blobs

from embedlens.similarity import engine_facts, jit, nearest
from embedlens.similarity import hardware as machine


@pytest.fixture(autouse=True)
def detected_anew():
    machine.screen_dtype.cache_clear()
    yield
    machine.screen_dtype.cache_clear()


@pytest.mark.parametrize(
    ("units", "accumulates", "dtype"),
    [(True, True, torch.bfloat16), (True, False, torch.float32), (False, True, torch.float32)],
)
def test_bfloat16_needs_units_that_accumulate_in_float32(monkeypatch, units, accumulates, dtype):
    monkeypatch.setattr(machine, "_cpu_has_bf16_units", lambda: units)
    monkeypatch.setattr(machine, "_accumulates_in_float32", lambda device: accumulates)
    assert machine.screen_dtype("cpu") is dtype
    assert engine_facts("cpu")["screen"].startswith(str(dtype).removeprefix("torch."))


def test_the_answer_does_not_depend_on_the_machine(monkeypatch):
    z, y = blobs(n=300, dim=24, classes=20, spread=2.0)
    answers = []
    for units in (True, False):
        machine.screen_dtype.cache_clear()
        monkeypatch.setattr(machine, "_cpu_has_bf16_units", lambda units=units: units)
        answers.append(nearest(z, y))
    for one, other in zip(*answers, strict=True):
        np.testing.assert_array_equal(one.index, other.index)
        np.testing.assert_array_equal(one.similarity, other.similarity)


def test_products_of_this_machine_pass_the_probe_and_short_sums_do_not(monkeypatch):
    assert machine._accumulates_in_float32("cpu")

    def short(left, right):
        """What units that accumulate in bfloat16 give: 256 plus ones stays 256."""
        return torch.full((left.shape[0], right.shape[1]), 256.0)

    monkeypatch.setattr(torch.Tensor, "__matmul__", short)
    assert not machine._accumulates_in_float32("cpu")


def test_loops_are_compiled_where_nothing_can_be_kept_and_kept_where_it_can(monkeypatch, tmp_path):
    def double(x):
        return 2 * x

    for folder, files in (("/proc/nowhere", 0), (str(tmp_path), 1)):
        monkeypatch.setenv("XDG_CACHE_HOME", folder)
        before = jit.numba.config.CACHE_DIR
        assert jit.compiled(double)(4) == 8
        assert jit.numba.config.CACHE_DIR == before
        assert len(list(tmp_path.rglob("*.nbi"))) == files
