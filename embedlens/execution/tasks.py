"""Running of tasks behind `concurrent.futures.Executor`, with results in the order of the tasks."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import BrokenExecutor, CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from embedlens.errors import InputError, count_text, first_sentence, shortened, warn
from embedlens.execution.calls import call
from embedlens.execution.schedulers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Executor

    from embedlens.execution.calls import Outcome

Task = TypeVar("Task")
Result = TypeVar("Result")

TRIES = 3
"""How often a task runs whose worker ends before it is done."""
_AHEAD = 2  # tasks under way for each worker


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    executor: Workers | Executor | None = None,
) -> Generator[Result]:
    """Yield the result of a function for each task, in the order of the tasks.

    Without an executor each task runs in this process when its result is taken. With one, tasks run ahead of
    the consumer, two for each worker at most. A task whose worker ends (killed, out of memory) runs again, up
    to three times in all. Warnings of a task are given in this process. Closing the iterator ends what is
    under way; where the executor was given as such, it stays open.

    Parameters
    ----------
    function
        A function of a module, or a `functools.partial` of one, of one task.
    tasks
        What it is called with: small values that can be pickled, such as the path of a run, not its arrays.
    executor
        Where tasks run: `Workers`, which starts an executor and replaces one that breaks; or any
        `concurrent.futures.Executor`. None: in this process.

    Raises
    ------
    InputError
        A task that cannot be sent to a worker, or whose worker ended three times; and what the function
        raises.
    """
    waiting = deque(tasks)
    alone = isinstance(executor, Workers) and executor.is_local and len(waiting) == 1
    if executor is None or alone:
        yield from map(function, waiting)
        return
    queue = _Queue(function, waiting, executor)
    finished = False
    try:
        while queue.fill():
            yield queue.first()
        finished = True
    finally:
        queue.close(at_once=not finished)


@dataclass(slots=True)
class _UnderWay:
    """A task that was given to an executor."""

    task: Any
    future: Future[Outcome]
    tries: int = 1

    @property
    def is_lost(self) -> bool:
        """Whether its worker ended before it was done."""
        return self.future.done() and (
            self.future.cancelled() or isinstance(self.future.exception(), BrokenExecutor)
        )


class _Queue:
    """Tasks that wait, those that are under way in order, and the executor that runs them."""

    def __init__(
        self, function: Callable[[Any], Any], waiting: deque[Any], executor: Workers | Executor
    ) -> None:
        self._function, self._waiting = function, waiting
        self._under_way: deque[_UnderWay] = deque()
        self._workers = executor if isinstance(executor, Workers) else None
        self._executor = None if isinstance(executor, Workers) else executor
        self._size, self._folder = len(waiting), os.getcwd()

    def fill(self) -> bool:
        """Give tasks to the executor, as far ahead as is allowed; return whether one is under way."""
        if self._workers is not None and self._executor is None and self._waiting:
            self._executor = self._workers.start(self._size)
        ahead = _AHEAD * self._width()
        while self._waiting and len(self._under_way) < ahead:
            task = self._waiting[0]
            try:
                self._under_way.append(_UnderWay(task, self._submit(task)))
            except BrokenExecutor:
                self._recover()
                continue
            except Exception as error:  # it cannot be pickled
                raise _cannot_run(task, error) from error
            self._waiting.popleft()
        return bool(self._under_way)

    def first(self) -> Any:
        """Return the result of the first task under way, once it is there."""
        while True:
            one = self._under_way[0]
            try:
                outcome = one.future.result()
            except (BrokenExecutor, CancelledError) as error:
                self._recover(error)
                continue
            except Exception as error:  # the task's own are part of its outcome
                raise _cannot_run(one.task, error) from error
            self._under_way.popleft()
            return outcome.unpack()

    def close(self, *, at_once: bool) -> None:
        """End the executor, or take back what an executor of the caller's has not begun."""
        if self._executor is None:
            return
        if self._workers is not None:
            self._executor.shutdown(wait=not at_once, cancel_futures=at_once)
            return
        for one in self._under_way:
            one.future.cancel()

    def _width(self) -> int:
        """Return the number of workers."""
        if self._workers is not None:
            return self._workers.count
        return int(getattr(self._executor, "_max_workers", 0)) or os.cpu_count() or 1

    def _submit(self, task: Any) -> Future[Outcome]:
        assert self._executor is not None
        return self._executor.submit(call, self._function, task, self._folder)

    def _recover(self, error: Exception | None = None) -> None:
        """Run lost tasks again: by the same executor where it still takes some, else by another one."""
        lost = [one for one in self._under_way if one.is_lost]
        if not (lost and self._submit_again(lost)):
            if self._workers is None:
                raise _ended(self._under_way[0].task if self._under_way else self._waiting[0], 1) from error
            self.close(at_once=True)
            self._executor = self._workers.start(self._size)
            left = [one for one in self._under_way if one.is_lost or not one.future.done()]
            lost = left[: self._width()]  # the others had not begun
            self._submit_again(left)
        for one in lost:
            one.tries += 1
            if one.tries > TRIES:
                raise _ended(one.task, TRIES) from error
        if self._workers is not None:
            self._workers.tasks_run_again += len(lost)
        if lost:
            warn(
                "a worker ended before its task was done; it runs again"
                if len(lost) == 1
                else f"a worker ended before its tasks were done; {len(lost)} tasks run again"
            )

    def _submit_again(self, several: list[_UnderWay]) -> bool:
        """Give tasks to the executor again; return whether it has taken all."""
        with suppress(BrokenExecutor):
            for one in several:
                one.future = self._submit(one.task)
            return True
        return False


def _place(task: Any) -> str:
    return shortened(str(getattr(task, "place", "") or task))


def _ended(task: Any, times: int) -> InputError:
    place, often = _place(task), count_text(times, "time")
    return InputError(
        f"{place}: the worker ended {often} before the task was done, perhaps for lack of memory; use fewer "
        "--workers"
    )


def _cannot_run(task: Any, error: Exception) -> InputError:
    return InputError(
        f"{_place(task)}: no worker could run the task ({type(error).__name__}: {first_sentence(error)}); "
        "workers need the same versions of Python and embedlens, and a function of a module"
    )
