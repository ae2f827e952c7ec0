"""Batch samplers by name.

Every batch is drawn from the random stream of its epoch and step, so a resumed run needs no saved generator
state, and a batch does not depend on earlier ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from embedlens.errors import InputError
from embedlens.registry import Registry
from embedlens.training.hard_classes import hardest_classes
from embedlens.training.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CANDIDATES = 4
"""Hard negative class mining considers this many times the number of classes of a batch."""


class Embed(Protocol):
    """Embedding of training items by the current network."""

    def __call__(self, rows: NDArray[np.int64], /) -> NDArray[np.float32]:
        """Return the embeddings [n, D] of the training items in `rows`, int64 [n]."""


class Sampler(ABC):
    """Draws batches of different classes; only classes of two items or more are drawn.

    Parameters
    ----------
    labels
        int64 [N].
    classes
        Number of classes in a batch, 2 or more; if the labels have fewer, every batch has all of them.
    items
        Number of items of each class, 2 or more.
    seed
        Seed of the run.

    Attributes
    ----------
    classes
        Number of classes in a batch, at most that of the labels.
    items
        Number of rows of each class; a batch has `classes` * `items` rows.
    steps
        Number of batches in an epoch: items of the split divided by rows of a batch, at least 1.
    """

    items_per_class: ClassVar[int | None] = None
    """Number of items of each class, if the sampler prescribes it."""

    fewest_classes: ClassVar[int] = 2
    """Smallest number of classes of two items or more."""

    looks: ClassVar[bool] = False
    """Whether a batch depends on the current network, so that none can be drawn in advance."""

    def __init__(self, labels: NDArray[np.int64], *, classes: int, items: int, seed: int) -> None:
        if classes < 2 or items < 2:
            message = f"a batch of {classes} classes with {items} items each; two of each are the least"
            raise InputError(message)
        if self.items_per_class not in (None, items):
            registered = (name for name in SAMPLERS.names() if SAMPLERS.get(name) is type(self))
            own = next(registered, type(self).__name__)
            message = (
                f"{items} items of each class; the sampler {own!r} takes {self.items_per_class}; choose that "
                "number, or the sampler 'pk'"
            )
            raise InputError(message)
        order = np.argsort(labels, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
        self._groups = [group for group in groups if group.size > 1]
        if len(self._groups) < self.fewest_classes:
            message = (
                f"the labels have {len(self._groups)} classes of two items or more; "
                f"batches of this sampler need {self.fewest_classes}"
            )
            raise InputError(message)
        self.classes = min(classes, len(self._groups))
        self.items = items
        self._size = labels.size
        self._seed = seed

    def __repr__(self) -> str:
        return f"{type(self).__name__}(classes={self.classes}, items={self.items}, steps={self.steps})"

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        return max(1, self._size // (self.classes * self.items))

    def batches(self, epoch: int, embed: Embed | None = None) -> Iterator[NDArray[np.int64]]:
        """Yield the row numbers of each batch of an epoch, int64 [classes * items].

        Parameters
        ----------
        epoch
            The epoch; batches are determined by it (and by the network, if `embed` is used).
        embed
            Embedding by the current network, called for each batch by samplers whose batches depend on it.
        """
        for step in range(self.steps):
            yield self.draw(epoch, step, embed)

    def draw(self, epoch: int, step: int, embed: Embed | None = None) -> NDArray[np.int64]:
        """Return the row numbers of one batch, int64 [classes * items]; the step counts from 0."""
        return self._batch(stream(self._seed, Purpose.BATCHES, epoch=epoch, step=step), embed)

    @abstractmethod
    def _batch(self, random: np.random.Generator, embed: Embed | None) -> NDArray[np.int64]:
        """Draw one batch."""

    def _some_classes(self, random: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Draw the numbers of `count` different classes."""
        return random.choice(len(self._groups), count, replace=False)

    def _pairs(self, random: np.random.Generator, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Draw two different items of each chosen class, [n, 2]."""
        return np.stack([random.choice(self._groups[group], 2, replace=False) for group in chosen])


SAMPLERS: Registry[type[Sampler]] = Registry("sampler")
"""Samplers by name."""


def build_sampler(name: str, labels: NDArray[np.int64], *, classes: int, items: int, seed: int) -> Sampler:
    """Return a new sampler by its name, over the items of a split.

    Parameters
    ----------
    name
        A name in `SAMPLERS`.
    labels
        int64 [N].
    classes, items, seed
        As for `Sampler`.

    Raises
    ------
    InputError
        An unknown name; fewer than two classes or items requested; items that the sampler does not take;
        labels with too few classes of two items or more.
    """
    return SAMPLERS.get(name)(labels, classes=classes, items=items, seed=seed)


@SAMPLERS.register("pk")
class PKSampler(Sampler):
    """Batches of P classes with K items each, class by class.

    Of a class with fewer than K items, all are taken, some more than once.
    """

    fewest_classes: ClassVar[int] = 1

    def _batch(self, random: np.random.Generator, embed: Embed | None) -> NDArray[np.int64]:
        """Draw classes, then items of each."""
        return np.concatenate(
            [
                np.resize(random.permutation(self._groups[group]), self.items)
                for group in self._some_classes(random, self.classes)
            ]
        )


@SAMPLERS.register("n-pair")
class NPairSampler(Sampler):
    """Batches of N pairs from N classes, 2 N rows, pair by pair.

    Sohn, "Improved deep metric learning with multi-class N-pair loss objective", NeurIPS 2016, section 3.2.
    """

    items_per_class: ClassVar[int | None] = 2

    def _batch(self, random: np.random.Generator, embed: Embed | None) -> NDArray[np.int64]:
        """Draw classes, then a pair of each."""
        return self._pairs(random, self._some_classes(random, self.classes)).reshape(-1)


@SAMPLERS.register("tuplet")
class TupletSampler(Sampler):
    """Batches of N tuples of N + 1 items, N (N + 1) rows, tuple by tuple.

    Sohn, NeurIPS 2016, figure 2 (b). N classes c_0 .. c_(N-1) are drawn; tuple i has rows
    i (N + 1) to i (N + 1) + N:

    - position 0: the anchor, of class c_i;
    - position 1: its positive, another item of class c_i;
    - positions 2 to N: one item of each other class in the order in which the classes were drawn, that is
      of c_0 .. c_(i-1), c_(i+1) .. c_(N-1). They are drawn for each tuple.

    So a batch of embeddings [N (N + 1), D], taken as [N, N + 1, D], has the anchors in [:, 0], the positives
    in [:, 1] and the negatives in [:, 2:].

    Parameters
    ----------
    labels, seed
        As for `Sampler`.
    classes
        N.
    items
        Not used: a tuple has N + 1 items, however many are requested.
    """

    def __init__(self, labels: NDArray[np.int64], *, classes: int, items: int, seed: int) -> None:
        super().__init__(labels, classes=classes, items=2, seed=seed)
        self.items = self.classes + 1

    def _batch(self, random: np.random.Generator, embed: Embed | None) -> NDArray[np.int64]:
        """Draw classes, a pair of each, and an item of each for every tuple."""
        n = self.classes
        chosen = self._some_classes(random, n)
        pairs = self._pairs(random, chosen)
        drawn = np.stack([random.choice(self._groups[group], n) for group in chosen], axis=1)
        others = drawn[~np.eye(n, dtype=bool)].reshape(n, n - 1)
        return np.concatenate([pairs, others], axis=1).reshape(-1)


@SAMPLERS.register("hard-class")
class HardClassSampler(Sampler):
    """Batches of N pairs from N classes that are hard to distinguish, 2 N rows, pair by pair.

    Hard negative class mining of Sohn, NeurIPS 2016, section 3.2.1: for each batch, two items of each of
    C = 4 N random classes (or all, if there are fewer) are embedded; `hardest_classes` chooses N of them;
    then two items of each are drawn for the batch. A batch costs the embedding of 8 N items more.
    """

    items_per_class: ClassVar[int | None] = 2
    looks: ClassVar[bool] = True

    def batches(self, epoch: int, embed: Embed | None = None) -> Iterator[NDArray[np.int64]]:
        """Give the batches of an epoch; without `embed` raise `InputError`."""
        if embed is None:
            message = "sampler hard-class needs embeddings; give `embed`, or choose the sampler n-pair"
            raise InputError(message)
        return super().batches(epoch, embed)

    def _batch(self, random: np.random.Generator, embed: Embed | None) -> NDArray[np.int64]:
        """Draw candidates, embed a pair of each, choose, and draw pairs of the chosen."""
        assert embed is not None  # `batches` has refused it
        candidates = self._some_classes(random, min(len(self._groups), CANDIDATES * self.classes))
        pairs = self._pairs(random, candidates)
        z = np.asarray(embed(pairs.reshape(-1)))
        hardest = hardest_classes(z[0::2], z[1::2], n=self.classes, random=random)
        return self._pairs(random, candidates[hardest]).reshape(-1)
