"""What the integrations share: base classes of frameworks, the start of a run, and metrics for its log."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from embedlens.errors import InputError, count_text, listed, unknown, warn
from embedlens.store import Ranks, Recorder, open_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")
NAMES = {"learning_rate": "lr"}
"""Metrics of frameworks that have another name in log.csv."""
_OWN = {"epoch", "step"}  # columns that the recorder writes


def joined(own: Any, base: Any) -> Any:
    """Return a class of this package as a subclass of a framework's class, which is imported when it is used.

    A class calls it in ``__new__``, so that its module can be imported without the framework.

    Parameters
    ----------
    own
        The class; its attributes come before those of `base`.
    base
        The framework's class.
    """
    return own if issubclass(own, base) else _joined(own, base)


@cache
def _joined(own: Any, base: Any) -> Any:
    def reduce(self: Any) -> tuple[Any, ...]:  # pickle finds `own` by its name, not the joined class
        return own.__new__, (own,), self.__dict__

    about = {"__module__": own.__module__, "__qualname__": own.__qualname__, "__doc__": own.__doc__}
    return type(own.__name__, (own, base), {**about, "__reduce__": reduce})


def shows_arguments(own: type[T]) -> type[T]:
    """Give a class whose ``__new__`` takes anything the signature of its ``__init__``, for its help."""
    made: Any = own
    signature = inspect.signature(made.__init__)
    made.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])
    return own


def check_options(own: Any, options: Mapping[str, Any]) -> None:
    """Refuse arguments that neither a class of this package nor `Recorder` has, before training begins."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    known = {
        name: None
        for one in (own.__init__, Recorder.__init__)
        for name, parameter in inspect.signature(one).parameters.items()
        if parameter.kind in kinds and name != "self"
    }
    given_beside = known.keys() - inspect.signature(own.__init__).parameters.keys()
    if "labels" in options and "labels" in given_beside:
        message = "labels are given beside the inputs; give (inputs, labels) for each split"
        raise InputError(message)
    for name in options:
        if name not in known:
            raise unknown(name, "argument", known)


def by_split(given: Any, name: str, *, of: str) -> dict[str, Any]:
    """Return what is given for each split; refuse what is not a mapping.

    Parameters
    ----------
    given
        Split name -> anything.
    name, of
        The argument's name, and what it has for each split, for the message.
    """
    if not isinstance(given, Mapping):
        example = f'{name}={{"test": {"y" if name == "labels" else "..."}}}'
        message = f"{name} is a {type(given).__name__}; give {of} for each split, e.g. {example}"
        raise InputError(message)
    return dict(given)


def labels_by_split(given: Any) -> dict[str, Any]:
    """Return the labels that are given for some splits, or none; refuse what is not a mapping."""
    return {} if given is None else by_split(given, "labels", of="labels")


def check_given_labels(labels: Mapping[str, Any], sizes: Mapping[str, int | None]) -> None:
    """Refuse labels of an unknown split, and of another number than the items of their split.

    Parameters
    ----------
    labels
        Split name -> labels, as the user gives them.
    sizes
        Split name -> number of items of its data set; None: unknown.
    """
    for split, values in labels.items():
        if split not in sizes:
            raise unknown(split, "split of labels", sizes)
        n, items = len(values) if hasattr(values, "__len__") else None, sizes[split]
        if n is not None and items is not None and n != items:
            message = (
                f"split {split!r}: {count_text(n, 'label')} for {items:,} items of the data set; give one "
                "label for each item, in the order of the data set"
            )
            raise InputError(message)


@contextmanager
def within_split(split: str) -> Iterator[None]:
    """Name a split before the message of what is refused inside the block."""
    try:
        yield
    except InputError as error:
        place = f"split {split!r}"
        raise error.within(place) from error


def pairs_by_split(given: Any, name: str, *, of: str) -> tuple[dict[str, Any], dict[str, Sequence[Any]]]:
    """Return inputs and labels of each split.

    Parameters
    ----------
    given
        Split name -> (inputs, labels).
    name, of
        The argument's name, and what the inputs are called, for messages.
    """
    inputs, labels = {}, {}
    for split, pair in by_split(given, name, of=f"({of}, labels)").items():
        if not isinstance(pair, tuple | list) or len(pair) != 2 or isinstance(pair[0], str):
            message = f"{name}: split {split!r} is no pair; give ({of}, labels)"
            raise InputError(message)
        inputs[split], labels[split] = pair
    return inputs, labels


def begun_run(
    path: str | os.PathLike[str],
    labels: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    epoch: int = 0,
    step: int | None = None,
    alone: bool = False,
) -> Recorder:
    """Return the recorder of a run that a training begins, or resumes.

    Parameters
    ----------
    path, labels, options
        As for `Recorder`; `options` are its other arguments.
    epoch
        Epochs trained so far. From 1 on, the run at the path is continued, and epochs after it are discarded;
        with `resume` among the options also from 0 on, where all epochs are discarded.
    step
        Optimiser steps so far, which decide in place of `epoch` for a run whose log has steps.
    alone
        Whether this process records alone; else all processes of torch.distributed record together, if there
        are several.

    Raises
    ------
    InputError
        As `Recorder`; a training that begins where a run stands.
    """
    trained = epoch if step is None else step
    given = dict(options)
    resume = given.pop("resume", False) or trained > 0
    ranks = given.pop("ranks", None) or (None if alone else _ranks())
    try:
        recorder = Recorder(path, labels=labels, resume=resume, ranks=ranks, **given)
    except InputError as error:
        if resume or "already exists; pass" not in str(error):
            raise
        message = (
            f"{path} already exists; this training starts at epoch 0, pass resume=True to discard its "
            "epochs, or choose another name"
        )
        raise InputError(_of_other_splits(path, labels) or message) from error
    if resume:
        kept = trained or -1  # epoch 0 is recorded again
        recorder.discard_after(kept if step is None else None, step=None if step is None else kept)
    if trained > 0 and (ranks is None or ranks.leads) and not recorder.run.epochs():
        done = "epoch 0" if epoch < 1 else f"epochs 0 to {epoch}"
        warn(
            f"{path}: the run has no {done}, since the training resumes and no earlier run is there; to "
            "continue one, give its path"
        )
    return recorder


def _of_other_splits(path: str | os.PathLike[str], labels: Mapping[str, Any]) -> str | None:
    """Return what to do where the run at a path has other splits, as of another recorder; else None."""
    try:
        splits = open_run(path).splits
    except InputError:  # of another version, or damaged
        return None
    if set(splits) == set(labels):
        return None
    return (
        f"{path} already exists, with other splits ({listed(splits)}); give all splits of a training to one "
        "recorder, or choose another name"
    )


def plain_metrics(metrics: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the metrics of a framework that are numbers, under the names that they have in log.csv."""
    numbers = {}
    for name, value in (metrics or {}).items():
        if name not in _OWN and (number := _number(value)) is not None:
            numbers[NAMES.get(name, name)] = number
    return numbers


def leads() -> bool:
    """Return whether this is process 0 of torch.distributed, or of torchrun, which begins it later."""
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        return bool(dist.get_rank() == 0)
    return os.environ.get("RANK", "0") == "0"


def _number(value: Any) -> float | None:
    """Return a number, or an array or tensor of one number, as float; None for all else."""
    try:
        number = value.item() if hasattr(value, "item") else value
        return None if isinstance(number, str | bytes) else float(number)
    except (TypeError, ValueError, RuntimeError):  # no number, or an array or tensor of several
        return None


def _ranks() -> Ranks | None:
    """Return the place of this process among those of torch.distributed; None: it is alone."""
    import torch.distributed as dist

    several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    return Ranks.of_torch() if several else None
