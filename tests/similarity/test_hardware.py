from __future__ import annotations

import numpy as np
import pytest
import torch
from support import blobs

from embedlens.errors import InputError
from embedlens.similarity import engine_facts, jit, nearest
from embedlens.similarity import hardware as machine


@pytest.fixture(autouse=True)
def detected_again(monkeypatch):
    monkeypatch.delenv(machine.VARIABLE, raising=False)
    machine.screen_dtype.cache_clear()
    yield
    machine.screen_dtype.cache_clear()


@pytest.mark.parametrize(
    ("gain", "accumulates", "dtype"),
    [(3.0, True, torch.bfloat16), (3.0, False, torch.float32), (1.2, True, torch.float32)],
)
def test_bfloat16_must_be_faster_and_accumulate_in_float32(monkeypatch, gain, accumulates, dtype):
    monkeypatch.setattr(machine, "_bfloat16_gain", lambda: gain)
    monkeypatch.setattr(machine, "_accumulates_in_float32", lambda device: accumulates)
    assert machine.screen_dtype("cpu") is dtype
    assert engine_facts("cpu")["screen"].startswith(str(dtype).removeprefix("torch."))


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_the_environment_names_the_type(monkeypatch, name):
    monkeypatch.setenv(machine.VARIABLE, name)
    monkeypatch.setattr(machine, "_bfloat16_gain", pytest.fail)
    assert machine.screen_dtype("cpu") is getattr(torch, name)


def test_an_unknown_type_in_the_environment_is_refused(monkeypatch):
    monkeypatch.setenv(machine.VARIABLE, "int4")
    with pytest.raises(InputError, match=r"EMBEDLENS_SCREEN 'int4'.*float32, bfloat16"):
        machine.screen_dtype("cpu")


def test_times_are_measured_once_per_machine_and_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    times = {torch.float32: 4.0, torch.bfloat16: 1.0}
    measured = []
    monkeypatch.setattr(machine, "_seconds", lambda dtype: measured.append(dtype) or times[dtype])
    assert machine._bfloat16_gain() == machine._bfloat16_gain() == 4.0
    assert len(measured) == 2
    monkeypatch.setattr(machine, "_machine", lambda: ["another"])
    times[torch.bfloat16] = 2.0
    assert machine._bfloat16_gain() == 2.0
    (tmp_path / "embedlens" / "screen.json").write_text("{cut")
    assert machine._bfloat16_gain() == 2.0
    assert len(measured) == 6
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert machine._bfloat16_gain() == 2.0


def test_a_product_is_timed():
    assert 0 < machine._seconds(torch.float32) < 10


def test_the_answer_does_not_depend_on_the_type(monkeypatch):
    z, y = blobs(n=300, dim=24, classes=20, spread=2.0)
    answers = []
    for name in ("float32", "bfloat16"):
        machine.screen_dtype.cache_clear()
        monkeypatch.setenv(machine.VARIABLE, name)
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
