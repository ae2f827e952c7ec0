from __future__ import annotations

import json
import subprocess
import sys

import numba
import numpy as np
import pytest
import torch
from support import blobs

from embedlens import notices
from embedlens.errors import InputError
from embedlens.similarity import engine_facts, jit, products, search
from embedlens.similarity import hardware as machine


@pytest.fixture(autouse=True)
def detected_again(monkeypatch):
    monkeypatch.delenv(machine.VARIABLE, raising=False)
    kept = machine.screen_type, machine._processor
    for one in kept:
        one.cache_clear()
    yield
    for one in kept:
        one.cache_clear()


def processor(gain, accumulates):
    """What is known of a processor whose bfloat16 is that much faster than its float32."""
    times = {"float32": gain, "bfloat16": 1.0}
    return {"seconds": times, "accumulates": accumulates, "instructions": "ANY"}


@pytest.mark.parametrize(
    ("gain", "accumulates", "dtype"),
    [(3.0, True, "bfloat16"), (3.0, False, "float32"), (1.2, True, "float32")],
)
def test_bfloat16_must_be_faster_and_accumulate_in_float32(monkeypatch, gain, accumulates, dtype):
    monkeypatch.setattr(machine, "_processor", lambda: processor(gain, accumulates))
    assert machine.screen_type("cpu") == dtype
    assert engine_facts("cpu")["screen"].startswith(dtype)


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_the_environment_names_the_type(monkeypatch, name):
    monkeypatch.setenv(machine.VARIABLE, name)
    monkeypatch.setattr(machine, "_processor", pytest.fail)
    assert machine.screen_type("cpu") == name


def test_an_unknown_type_in_the_environment_is_refused(monkeypatch):
    monkeypatch.setenv(machine.VARIABLE, "int4")
    with pytest.raises(InputError, match=r"EMBEDLENS_SCREEN 'int4'.*float32, bfloat16"):
        machine.screen_type("cpu")


def test_times_are_measured_once_per_machine_and_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    times = {torch.float32: 4.0, torch.bfloat16: 1.0}
    measured = []
    monkeypatch.setattr(machine, "_seconds", lambda dtype: measured.append(dtype) or times[dtype])

    def gain():
        machine._processor.cache_clear()
        seconds = machine._processor()["seconds"]
        return seconds["float32"] / seconds["bfloat16"]

    assert gain() == gain() == 4.0
    assert len(measured) == 2
    monkeypatch.setattr(machine, "_machine", lambda: ["another"])
    times[torch.bfloat16] = 2.0
    assert gain() == 2.0
    file = tmp_path / "embedlens" / "processor.json"
    for damaged in (
        "{cut",
        json.dumps({"machine": ["another"], "seconds": {"float32": 1.0, "bfloat16": 0.0}}),
    ):
        file.write_text(damaged)
        assert gain() == 2.0
    assert len(measured) == 8
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert gain() == 2.0


def test_a_product_is_timed():
    assert 0 < machine._seconds(torch.float32) < 10


def test_the_answer_does_not_depend_on_the_type(monkeypatch):
    z, y = blobs(n=300, dim=24, classes=20, spread=2.0)
    answers = []
    for name, small in (("float32", products.SMALL), ("float32", 0), ("bfloat16", 0)):
        machine.screen_type.cache_clear()
        monkeypatch.setenv(machine.VARIABLE, name)
        monkeypatch.setattr(products, "SMALL", small)
        answers.append(search(z, y, depth=3, cutoffs=(1, 5, 50)))
    expected, *others = answers
    for found in others:
        for k in (1, 5, 50):
            np.testing.assert_array_equal(found.rank < k, expected.rank < k)
        for kind in ("positive", "negative"):
            one, other = getattr(found, kind), getattr(expected, kind)
            np.testing.assert_array_equal(one.index, other.index)
            np.testing.assert_array_equal(one.similarity, other.similarity)


def test_small_matrices_need_no_torch_and_large_ones_do(monkeypatch, tmp_path):
    script = """
import sys
import numpy as np
from embedlens.similarity import engine_facts, nearest, products
products.SMALL = int(sys.argv[1])
z = np.random.default_rng(0).standard_normal((400, 16)).astype(np.float32)
positive, negative = nearest(z, np.arange(400) % 40)
print("torch" in sys.modules, positive.index.sum(), negative.similarity.tobytes().hex())
"""
    small, large = (
        subprocess.run(
            [sys.executable, "-c", script, str(size)], capture_output=True, text=True, check=True
        ).stdout.split()
        for size in (400 * 400 * 16, 400 * 400 * 16 - 1)
    )
    assert (small[0], large[0]) == ("False", "True")
    assert small[1:] == large[1:]


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
        before = numba.config.CACHE_DIR
        assert jit.compiled(double)(4) == 8
        assert numba.config.CACHE_DIR == before
        assert len(list(tmp_path.rglob("*.nbi"))) == files


def test_compilation_is_said_once_and_not_where_the_loops_are_kept(monkeypatch, tmp_path):
    def triple(x):
        return 3 * x

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(notices, "_said", set())
    heard = []
    monkeypatch.setattr(notices, "_listeners", [heard.append])
    loop = jit.compiled(triple)
    assert (loop(2), loop(2.0)) == (6, 6.0)
    assert heard == ["compiling loops for this machine, once; it takes about 10 seconds"]
    notices._said.clear()
    assert jit.compiled(triple)(2) == 6
    assert len(heard) == 1
