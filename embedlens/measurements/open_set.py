"""Open-set identification of the items of a run, or of several runs joined."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from embedlens.analysis.open_set.classifier import fit_classifier, rank_by_classifier
from embedlens.analysis.open_set.ranking import rank_labels
from embedlens.analysis.open_set.threshold import identify
from embedlens.captions.places import Shown
from embedlens.errors import InputError, unknown
from embedlens.moments import short_name_of
from embedlens.results import Result
from embedlens.same_items import check_same_items
from embedlens.searches import search_in
from embedlens.selection import gallery_of, label_of_class, searched_split
from embedlens.split_items import SplitItems
from embedlens.store.concat import join

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.open_set.classifier import Classifier
    from embedlens.analysis.open_set.ranking import Ranking
    from embedlens.analysis.open_set.threshold import Identification
    from embedlens.measurements.reader import Reader
    from embedlens.searches import Search
    from embedlens.store import Run

HALVES = "halves"
"""What stands for the halves of the items, each of which selects the threshold for the other."""
FITTED = "train"
"""Split that a classifier is fitted on by default."""
JOINED = "joined"
"""Label of several runs joined."""


@dataclass(frozen=True, kw_only=True)
class OpenSetSettings:
    """Options of open-set identification.

    Attributes
    ----------
    unknown_class
        Class, by number or name, that counts as unknown; None: only classes that the gallery lacks.
    classifier
        Whether classes are ranked by a softmax classifier, not by neighbours.
    gallery
        Split to search, or to fit the classifier on; "none": the split itself; None: what the run names.
    choose_on
        Split that the threshold is selected on, or "halves"; None: the items that are evaluated.
    c
        Inverse regularisation strength of the classifier.
    seed
        Seed of the halves.
    """

    unknown_class: str | None = None
    classifier: bool = False
    gallery: str | None = None
    choose_on: str | None = None
    c: float = 10.0
    seed: int = 0

    @property
    def halves(self) -> int | None:
        """Seed of the halves; None: there are none."""
        return self.seed if self.choose_on == HALVES else None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ensemble(Result):
    """A split of one run at an epoch, or of several joined: their embeddings concatenated."""

    label: str
    runs: tuple[Run, ...]
    epochs: tuple[int, ...]
    split: str
    reader: Reader

    @property
    def run(self) -> Run:
        """The first of the runs."""
        return self.runs[0]

    @property
    def epoch(self) -> str:
        """The epoch, or those of the runs that are joined."""
        return "+".join(map(str, dict.fromkeys(self.epochs)))

    @property
    def epoch_name(self) -> str:
        """The same in tables for the terminal, where a run that counts steps has its steps."""
        return "+".join(dict.fromkeys(map(short_name_of, self.epochs)))

    @property
    def facts(self) -> dict[str, str]:
        """Run, split and epoch, as columns of a table and keys of a sidecar."""
        return {"run": self.label, "split": self.split, "epoch": self.epoch}

    def shown(self, n: int) -> Shown:
        """Return it, with its number of items, as captions take it."""
        return Shown(self.label, self.split, self.epoch, n)

    @property
    def place(self) -> str:
        """Where the embeddings stand, for messages."""
        joined = "runs " + ", ".join(repr(run.name) for run in self.runs) + " joined"
        return f"{joined if len(self.runs) > 1 else f'run {self.runs[0].name!r}'}, split {self.split!r}"

    def search(self, split: str, gallery: str | None) -> Search:
        """Return the items of a split with the gallery that they search, less what is left out."""
        out = self.reader.leave_out
        search = search_in(
            self._read, (split, gallery), place=self.place, labels=out.labels_of(self.runs[0]),
            duplicates=out.duplicates,
        )  # fmt: skip
        return self.reader.note(self.label, search)

    def _read(self, split: str) -> SplitItems:
        """Return the items of a split."""
        snapshots = [run.snapshot(split, epoch) for run, epoch in zip(self.runs, self.epochs, strict=True)]
        z = snapshots[0].embeddings
        if len(snapshots) > 1:
            z = join([one.embeddings for one in snapshots], [1 / len(snapshots)] * len(snapshots))
        return SplitItems.of_run(self.runs[0], split, z, self.reader.leave_out)


def check_joined(runs: Sequence[Run]) -> None:
    """Refuse runs that hold other items in a split that all of them have."""
    for name in runs[0].splits:
        if all(name in run.splits for run in runs):
            check_same_items(runs, name, "only runs on the same items can be joined")


def ensembles_of(
    places: Mapping[str, tuple[Run, int]], splits: Sequence[str], *, reader: Reader, joined: bool = False
) -> list[Ensemble]:
    """Return each run, label -> run and epoch, and where wanted all of them joined, split by split."""
    every = [(label, (run,), (epoch,)) for label, (run, epoch) in places.items()]
    if joined:
        runs, epochs = zip(*places.values(), strict=True)
        every.append((JOINED if JOINED not in places else "all joined", runs, epochs))
    return [Ensemble(*one, split, reader) for split in splits for one in every]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OpenSetResult(Result):
    """Identification of an ensemble's items: MAP@5 by threshold, the classifier, counts of items left out."""

    gallery: str | None
    new_label: int | None
    new_class: str | None
    result: Identification
    classifier: Classifier | None
    counts: Mapping[str, int]

    @property
    def n(self) -> int:
        """Number of items that are identified."""
        return self.result.sweep.n_known + self.result.sweep.n_new

    def answer(self) -> dict[str, Any]:
        """Return what ``--json`` prints: the numbers by name; what is not defined is NaN."""
        numbers: dict[str, Any] = {
            "gallery": self.gallery,
            "new_label": self.new_label,
            **({} if self.new_class is None else {"new_class": self.new_class}),
            "n_known": self.result.sweep.n_known,
            "n_new": self.result.sweep.n_new,
            **self.counts,
            **self.result.summary(),
        }
        if self.classifier is not None:
            numbers |= {"fitted_on": self.classifier.n, "converged": self.classifier.converged}
        return numbers


def _splits_of(run: Run, split: str, how: OpenSetSettings) -> tuple[str | None, str | None]:
    """Return the split that is searched or fitted on, and the one that the threshold is chosen on."""
    gallery = searched_split(run, split, how.gallery)
    place = f"run {run.name!r}"
    if how.classifier:
        gallery = how.gallery or gallery_of(run, split) or FITTED
        if gallery not in run.splits:
            raise unknown(gallery, "split to fit on", run.splits).within(place)
        if split == gallery or how.choose_on == gallery:
            message = (
                f"the classifier is fitted on split {gallery!r} and knows its items; choose another "
                f"--{'split' if split == gallery else 'choose-on'}, or fit on another --gallery"
            )
            raise InputError(message)
    chosen_on = None if how.choose_on in (None, HALVES) else how.choose_on
    if chosen_on is not None and chosen_on not in run.splits:
        raise unknown(chosen_on, "split to choose on", (*run.splits, HALVES)).within(place)
    return gallery, None if chosen_on == split else chosen_on


def identify_items(ensemble: Ensemble, how: OpenSetSettings, *, device: str = "cpu") -> OpenSetResult:
    """Rank the labels for the items of an ensemble, and choose a threshold; errors name the place.

    Parameters
    ----------
    ensemble
        The items.
    how
        How they are ranked, and on which items the threshold is chosen.
    device
        Of the engine: "cpu" or "cuda".

    Raises
    ------
    InputError
        A split or class that is not there, no item of an unknown class, or a classifier that would be
        judged on the items that it is fitted on.
    """
    run = ensemble.runs[0]
    gallery, chosen_on = _splits_of(run, ensemble.split, how)
    splits = [name for name in dict.fromkeys((ensemble.split, gallery, chosen_on)) if name is not None]
    new_label = None if how.unknown_class is None else label_of_class(run, how.unknown_class, splits)
    try:
        classifier, searched, other = None, gallery, None
        if how.classifier and gallery is not None:
            fitted, searched = ensemble.search(gallery, None), None
            classifier = fit_classifier(fitted.z, fitted.y, new_label=new_label, c=how.c)
        rank = partial(_rank, new_label=new_label, classifier=classifier, device=device)
        search = ensemble.search(ensemble.split, searched)
        ranking = rank(search)
        if chosen_on is not None:
            other = rank(ensemble.search(chosen_on, None if chosen_on == gallery else searched))
        result = identify(ranking, on=other, halves=how.halves)
    except InputError as error:
        raise (error if ensemble.place in str(error) else error.within(ensemble.place)) from error
    named = None if new_label is None else run.class_names.get(new_label)
    return OpenSetResult(gallery, new_label, named, result, classifier, search.counts)


def _rank(search: Search, *, new_label: int | None, classifier: Classifier | None, device: str) -> Ranking:
    """Rank the labels for the queries of a split, by neighbours or by the classifier."""
    z, y = search.z, search.y
    if classifier is not None:
        ranking = rank_by_classifier(classifier, z, y, new_label=new_label)
    else:
        there = new_label in y or (search.other is not None and new_label in search.other.y)
        ranking = rank_labels(
            z, y, new_label=new_label if there else None, gallery=search.gallery, device=device
        )
    if not ranking.is_new.any():
        message = (
            f"no item of split {search.query.split!r} is of an unknown class, so no threshold "
            "is of use; name a class of its items that counts as unknown by --unknown-class"
        )
        raise InputError(message)
    return ranking
