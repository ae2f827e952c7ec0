"""The cache of compiled loops: a fault of it costs time, never the result."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys, warnings
sys.path.insert(0, sys.argv[1])
from embedlens.errors import InputWarning
warnings.simplefilter("always", InputWarning)
if len(sys.argv) > 2:
    from numba.core import caching
    def full(self, *_args):
        raise OSError(28, "No space left on device")
    caching.IndexDataCacheFile.save = full
import loops
print(loops.double(3), loops.triple(3))
"""
LOOPS = """
from embedlens.similarity.jit import compiled

@compiled
def double(a):
    return 2 * a

@compiled
def triple(a):
    return 3 * a
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Compile and call two functions in a process of its own, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "loops.py").write_text(LOOPS)

    def call(*words):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path), *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["6", "9"]
        assert "Traceback" not in done.stderr
        return done.stderr.count("InputWarning")

    return call


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("kind", ["empty", "cut", "other", "folder"])
def test_a_damaged_cache_is_written_anew_with_one_warning(run, tmp_path, ending, kind):
    assert run() == 0
    files = list((tmp_path / "cache").rglob(f"*.{ending}"))
    assert len(files) == 2
    for file in files:
        raw = file.read_bytes()
        file.unlink()
        if kind == "folder":
            file.mkdir()
        else:
            file.write_bytes({"empty": b"", "cut": raw[: len(raw) // 2], "other": b"not a pickle" * 9}[kind])
    assert run() <= 1  # numba itself passes over data that it cannot open
    if kind != "folder":
        assert run() == 0


def test_a_damaged_index_is_reported_once_and_replaced(run, tmp_path):
    assert run() == 0
    for file in (tmp_path / "cache").rglob("*.nbi"):
        file.write_bytes(b"")
    assert run() == 1
    assert run() == 0


@pytest.mark.slow
def test_a_full_disk_leaves_the_loops_in_memory(run, tmp_path):
    assert run("full") == 1
    assert list((tmp_path / "cache").rglob("*.nbi")) == []


@pytest.mark.slow
def test_a_command_with_a_damaged_cache(program, folder, monkeypatch):
    from support import write_run

    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    write_run(folder / "runs/a", epochs=1)
    first = program("info", "a")
    for file in (folder / "cache").rglob("*.nbi"):
        file.write_bytes(file.read_bytes()[:10])
    done = program("info", "a")
    assert done.code == 0
    assert done.out == first.out
    assert done.err.count("warning: the cache of compiled loops in") == len(done.err.splitlines()) == 1
    assert os.strerror(errno.ENOENT) not in done.err


def test_loops_need_no_scipy_and_those_of_the_user_have_it():
    script = (
        "import sys, numba, numpy as np\n"
        "from embedlens.similarity.engine import search\n"
        "search(np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3)\n"
        "assert 'numba.np.arraymath' in sys.modules\n"
        "print('scipy.linalg' in sys.modules, end=' ')\n"
        "product = numba.njit(lambda a: a @ a)\n"
        "print(product(np.eye(2)).sum(), 'scipy.linalg' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "2.0", "True"]


def test_numba_is_loaded_with_the_first_loop():
    script = (
        "import sys, numpy as np\n"
        "import embedlens.measurements.reader, embedlens.analysis.scores\n"
        "import embedlens.similarity.prefix_kernels\n"
        "print('numba' in sys.modules, end=' ')\n"
        "from embedlens.similarity import nearest\n"
        "nearest(np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3)\n"
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_loops_that_call_others_are_compiled_with_them():
    from embedlens.similarity.jit import _Loop, larger

    names = {"half": None, "__name__": __name__}
    exec("def half(a):\n    return a / 2\ndef quarter(a):\n    return half(half(a))", names)
    plain = {name: names[name] for name in ("half", "quarter")}
    calls = []

    def compiler(function):
        calls.append(function.__name__)
        return function

    for name, function in plain.items():
        names[name] = _Loop(function, compiler)
    assert names["quarter"](8) == 2
    assert (names["quarter"](4), calls) == (1, ["half", "quarter"])
    assert names["half"] is plain["half"]
    assert larger.__name__ == "_larger"
