"""Items from loaders of the user's own: their order, their labels, and the check that neither changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.arrays import to_numpy
from embedlens.errors import InputError
from embedlens.experiments.checkpoints.items import Contents, Items, Reading, chosen
from embedlens.experiments.checkpoints.user_code import iterated
from embedlens.integrations.loaders import count_of
from embedlens.integrations.plain_torch import moved

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TARGETS = ("targets", "labels")
_NEEDED = "(inputs, labels) is needed, or a data set with the labels of all items as `targets`"


class LoaderItems(Items):
    """The items of loaders, in the order in which these give them.

    A batch is (inputs, labels), or inputs alone where the data set has `targets` or `labels`. Labels that
    batches have are compared with those of the run in every pass, which finds loaders that shuffle.

    Parameters
    ----------
    loaders
        Split name -> loader, or one loader, of the split "test".
    name
        Name of the loaders for messages and for the run: ``module:function``.
    splits
        Names of the splits to embed; none: all.

    Raises
    ------
    InputError
        Something else than loaders, a loader that shuffles or drops its last batch, or without labels.
    """

    def __init__(self, loaders: Any, name: str, splits: Sequence[str] = ()) -> None:
        named = dict(loaders) if isinstance(loaders, Mapping) else {"test": loaders}
        for split, loader in named.items():
            _check_loader(loader, f"{name}, split {split!r}")
        self._loaders = chosen(named, splits, name)
        self._name = name
        messages: list[str] = []
        self._labels = {split: self._read_labels(split, messages) for split in self._loaders}
        self.messages = messages
        self.facts = {"loader": name}
        self.contents = Contents(**_named_labels(self._labels, self._loaders))

    def batches(self, split: str, reading: Reading) -> Iterator[tuple[int, Any]]:
        """Yield the inputs of a split in the order of the loader, with the check of its labels."""
        place, expected, start = self._place(split), self._labels[split], 0
        for batch in iterated(self._loaders[split], place):
            inputs, labels = _parts(batch, place)
            count = count_of(inputs)
            same = labels is None or np.array_equal(labels, expected[start : start + count])
            if not same or start + count > len(expected):
                message = (
                    f"{place}: items {start} to {start + count - 1} have other labels than in the pass "
                    "before; make the loader with shuffle=False, a row is the same item in every epoch"
                )
                raise InputError(message)
            start += count
            yield count, moved(inputs, reading.device)

    def _place(self, split: str) -> str:
        return f"{self._name}, split {split!r}"

    def _read_labels(self, split: str, messages: list[str]) -> NDArray[Any]:
        """Return the labels of a split: those of its data set if a batch agrees, else of all batches."""
        place, loader = self._place(split), self._loaders[split]
        whole = _targets(getattr(loader, "dataset", None))
        first = next(iterated(loader, place), None)
        if first is None:
            message = f"{place}: the loader has no batches; {_NEEDED}"
            raise InputError(message)
        _, labels = _parts(first, place)
        if whole is not None and (labels is None or np.array_equal(labels, whole[: len(labels)])):
            return whole
        if labels is None:
            message = f"{place}: batches have no labels; {_NEEDED}"
            raise InputError(message)
        messages.append(f"{place}: labels are read from the batches, in one pass before the first checkpoint")
        parts = [_parts(batch, place)[1] for batch in iterated(loader, place)]
        return np.concatenate([part for part in parts if part is not None])


def _check_loader(loader: Any, place: str) -> None:
    """Refuse what cannot be read again in the same order."""
    from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

    if not isinstance(loader, Iterable) or isinstance(loader, Iterator | str):
        message = (
            f"{place} is {type(loader).__name__}; a loader that can be read once for each checkpoint is "
            "needed, e.g. DataLoader(data, batch_size=128)"
        )
        raise InputError(message)
    if not isinstance(loader, DataLoader) or loader.batch_sampler is None:
        return
    plain = type(loader.batch_sampler) is BatchSampler
    if not plain or not isinstance(loader.sampler, SequentialSampler):
        name = type(loader.sampler if plain else loader.batch_sampler).__name__
        message = (
            f"{place}: the loader draws items by {name}; make it with shuffle=False and no sampler, so that "
            "a row is the same item in every epoch"
        )
        raise InputError(message)
    if loader.drop_last and len(loader.sampler) % int(loader.batch_size or 1):
        message = f"{place}: the loader leaves out the last batch; make it with drop_last=False"
        raise InputError(message)


def _parts(batch: Any, place: str) -> tuple[Any, NDArray[Any] | None]:
    """Return the inputs of a batch and its labels [n]; None where it has none."""
    if isinstance(batch, Mapping):
        message = (
            f"{place}: a batch is a dict; give (inputs, labels), where inputs, which the model is called "
            "with, may be a dict"
        )
        raise InputError(message)
    if not isinstance(batch, tuple | list):
        return batch, None
    if len(batch) < 2:
        return batch[0], None
    labels = to_numpy(batch[1])
    if labels.shape != (count_of(batch[0]),):
        message = (
            f"{place}: a batch of {count_of(batch[0])} items has labels of shape {labels.shape}; one label "
            "per item is needed, as the second element of a batch"
        )
        raise InputError(message)
    return batch[0], labels


def _targets(data: Any) -> NDArray[Any] | None:
    """Return the labels that a data set lists for all of its items, [N]; None where it does not."""
    from torch.utils.data import Subset, TensorDataset

    if isinstance(data, Subset):
        inner = _targets(data.dataset)
        return None if inner is None else inner[np.asarray(data.indices, np.int64)]
    if isinstance(data, TensorDataset):
        found = data.tensors[1] if len(data.tensors) > 1 else None
    else:
        found = next((getattr(data, name) for name in _TARGETS if hasattr(data, name)), None)
    if found is None or callable(found) or not hasattr(data, "__len__"):
        return None
    values = to_numpy(found)
    return values if values.shape == (len(data),) else None


def _named_labels(labels: Mapping[str, NDArray[Any]], loaders: Mapping[str, Any]) -> dict[str, Any]:
    """Return labels and class names; where splits number classes differently, text."""
    names = {split: _class_names(getattr(loader, "dataset", None)) for split, loader in loaders.items()}
    known = [one for one in names.values() if one]
    if len(known) != len(names) or any(labels[split].dtype.kind not in "iu" for split in labels):
        return {"labels": labels}
    if all(one == known[0] for one in known):
        return {"labels": labels, "class_names": known[0]}
    texts = {
        split: [names[split].get(label, str(label)) for label in values.tolist()]
        for split, values in labels.items()
    }
    return {"labels": texts}


def _class_names(data: Any) -> dict[int, str]:
    """Return the class names of a data set, as torchvision's have them."""
    numbers = getattr(data, "class_to_idx", None)
    if isinstance(numbers, Mapping):
        return {int(number): str(name) for name, number in numbers.items()}
    inner = getattr(data, "dataset", None)
    return {} if inner is None or inner is data else _class_names(inner)
