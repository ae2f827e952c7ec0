"""Tasks behind any executor of concurrent.futures: order, look-ahead, errors, warnings, workers that end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import execution_support as tasks
import pytest

from embedlens import InputError
from embedlens.errors import InputWarning
from embedlens.execution import Workers, run_tasks
from embedlens.execution.processes import available_threads, threads_of_each


@pytest.fixture
def pool():
    """Two threads that stand for workers."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


class Late(Executor):
    """Runs the tasks in the opposite order, when the first result is waited for."""

    def __init__(self):
        self.given = []

    def submit(self, function, /, *args):
        outer = self

        class Waited(Future):
            def result(self, timeout=None):
                for future, work in reversed(outer.given):
                    if not future.done():
                        future.set_result(work())
                return super().result(timeout)

        future = Waited()
        self.given.append((future, partial(function, *args)))
        return future


def test_in_this_process_tasks_run_one_by_one_when_their_results_are_taken(tmp_path):
    results = run_tasks(partial(tasks.note, folder=tmp_path), range(3))
    assert list(tmp_path.iterdir()) == []
    assert next(results) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["0"]
    assert list(results) == [1, 2]


def test_results_are_in_the_order_of_the_tasks():
    assert list(run_tasks(tasks.square, range(7), executor=Late())) == [0, 1, 4, 9, 16, 25, 36]
    assert list(run_tasks(tasks.square, [], executor=Late())) == []


def test_tasks_run_ahead_of_the_consumer_by_two_for_each_worker(pool):
    given = []

    class Counting(Executor):
        _max_workers = 2

        def submit(self, function, /, *args):
            given.append(args[1])
            return pool.submit(function, *args)

    results = run_tasks(tasks.square, range(100), executor=Counting())
    for number in range(3):
        assert next(results) == number * number
        assert given == list(range(number + 4))
    results.close()


def test_an_executor_of_the_caller_s_stays_open(pool):
    assert list(run_tasks(tasks.square, range(3), executor=pool)) == [0, 1, 4]
    with pytest.raises(InputError, match="^two is refused$"):
        list(run_tasks(tasks.refuse, range(9), executor=pool))
    assert pool.submit(tasks.square, 3).result() == 9


def test_errors_keep_their_class_where_they_can_be_sent(pool):
    with pytest.raises(InputError, match="^two is refused$") as refused:
        list(run_tasks(tasks.refuse, range(9), executor=pool))
    assert "in refuse" in str(refused.value.__cause__)
    with pytest.raises(RuntimeError, match="^OddError: 0 and more$"):
        list(run_tasks(tasks.fail, range(2), executor=pool))


def test_warnings_of_tasks_are_given_here_each_text_once(pool):
    with pytest.warns(InputWarning) as caught:
        assert list(run_tasks(tasks.warn, range(6), executor=pool)) == list(range(6))
    assert {str(one.message) for one in caught} == {"odd", "even"}


def test_tasks_work_in_the_directory_of_the_caller(folder, pool):
    assert list(run_tasks(tasks.where, [0], executor=pool)) == [str(folder)]


def test_processes_share_the_cores_and_a_killed_one_is_survived(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4))
    workers = Workers.of(2)
    found = list(run_tasks(tasks.threads, range(2), executor=workers))
    assert {threads for threads, _ in found} == {"2"}
    assert os.getpid() not in {pid for _, pid in found}
    assert workers.facts == {}
    with pytest.warns(InputWarning, match="a worker ended before"):
        found = list(run_tasks(partial(tasks.die_once, folder=tmp_path), range(6), executor=workers))
    assert found == [0, 1, 4, 9, 16, 25]
    again = workers.facts["execution"]["tasks_run_again"]
    assert 1 <= again <= 2  # the one that was killed, and its neighbour


def test_processes_have_the_environment_of_their_start(monkeypatch):
    threads = os.environ.get("OMP_NUM_THREADS")
    workers = Workers.of(2)  # starts the server that they are forked from
    assert os.environ.get("OMP_NUM_THREADS") == threads
    monkeypatch.setenv("EMBEDLENS_TEST", "later")
    monkeypatch.delenv("HOME", raising=False)
    found = list(run_tasks(os.getenv, ["EMBEDLENS_TEST", "HOME", "OMP_NUM_THREADS"], executor=workers))
    assert found == ["later", None, str(threads_of_each(2))]


def test_a_task_whose_worker_ends_three_times_is_refused():
    message = "^1: the worker ended 3 times before the task was done, perhaps for lack of memory"
    with pytest.warns(InputWarning, match="a worker ended"), pytest.raises(InputError, match=message):
        list(run_tasks(tasks.die, range(2), executor=Workers.of(2)))


def test_what_cannot_be_sent_is_refused():
    message = "no worker could run the task .*; workers need the same versions of Python and embedlens"
    with pytest.raises(InputError, match=message):
        list(run_tasks(lambda one: one, range(2), executor=Workers.of(2)))


def test_a_single_task_runs_in_this_process():
    ((_, pid),) = run_tasks(partial(_threads_and_pid), [0], executor=Workers.of(2))
    assert pid == os.getpid()


def _threads_and_pid(_):
    return threads_of_each(1), os.getpid()


def test_ctrl_c_ends_all_workers_at_once(tmp_path):
    command = [sys.executable, tasks.__file__, str(tmp_path)]
    program = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    pids = [int(path.name.removeprefix("pid-")) for path in tmp_path.iterdir()]
    assert len(pids) == 2
    os.killpg(program.pid, signal.SIGINT)  # as the terminal sends it, to the workers too
    assert program.communicate(timeout=30) == (None, "")
    assert program.returncode == 130
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    command = [sys.executable, tasks.__file__, str(tmp_path)]
    program = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # semaphores are cleaned up, it says
    until = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    program.kill()
    program.wait()
    for path in tmp_path.iterdir():
        while _runs(int(path.name.removeprefix("pid-"))):
            assert time.monotonic() < until
            time.sleep(0.02)


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_threads_obey_the_variable_and_the_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(8))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [threads_of_each(workers) for workers in (1, 2, 3, 8, 20)] == [8, 4, 2, 1, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    assert (available_threads(), threads_of_each(2)) == (6, 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert available_threads() == 8
