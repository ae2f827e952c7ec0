"""Identification of the items of a run, or of several joined: options and results."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedlens.errors import InputError, unknown
from embedlens_cli.common import options
from embedlens_cli.common.option_groups import InName, file_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.analysis.open_set.classifier import Classifier
    from embedlens.analysis.open_set.ranking import Ranking
    from embedlens.analysis.open_set.threshold import Identification
    from embedlens.measurements.reader import Reader
    from embedlens.searches import Search, SplitItems
    from embedlens.store import Run

HALVES = "halves"
FITTED = "train"


@dataclass(frozen=True, kw_only=True)
class IdentifyOptions:
    """How items are identified, and where the threshold is chosen."""

    unknown_class: Annotated[options.UnknownClass, InName("new-{}")] = None
    classifier: Annotated[
        bool,
        typer.Option(
            "--classifier",
            help="Rank the classes by a softmax classifier, fitted on the gallery's embeddings, not by "
            "neighbours.",
        ),
        InName("classifier"),
    ] = False
    gallery: Annotated[
        str | None,
        typer.Option(
            help="Split to search; none: the split itself. With --classifier the split to fit on.",
            show_default="what the run names, else none; with --classifier else train",
        ),
        InName("gallery-{}"),
    ] = None
    choose_on: Annotated[
        str | None,
        typer.Option(
            help="Split that the threshold is selected on; halves: each half of the items selects it for "
            "the other.",
            show_default="the same items: optimistically biased",
        ),
        InName("chosen-on-{}"),
    ] = None
    c: Annotated[
        float,
        typer.Option(
            "--c",
            help="With --classifier: inverse regularisation strength C of the logistic regression.",
            min=1e-9,
        ),
        InName("c-{:g}"),
    ] = 10.0
    seed: Annotated[int, typer.Option(help="Seed of the halves.", min=0), InName("seed-{}")] = 0

    @property
    def halves(self) -> int | None:
        """Seed of the halves; None: there are none."""
        return self.seed if self.choose_on == HALVES else None

    @property
    def words(self) -> list[str]:
        """What file names say of them."""
        c = ["c"] if self.classifier else []
        seed = [] if self.halves is None else ["seed"]
        return file_words(self, ["unknown_class", "gallery", "classifier", *c, "choose_on", *seed])


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """A split of one run at an epoch, or of several joined: their embeddings concatenated."""

    label: str
    runs: tuple[Run, ...]
    epochs: tuple[int, ...]
    split: str
    reader: Reader

    @property
    def epoch(self) -> str:
        """The epoch, or those of the runs that are joined."""
        return "+".join(map(str, dict.fromkeys(self.epochs)))

    @property
    def facts(self) -> dict[str, str]:
        """Run, split and epoch, as columns of a table and keys of a sidecar."""
        return {"run": self.label, "split": self.split, "epoch": self.epoch}

    @property
    def place(self) -> str:
        """Where the embeddings stand, for messages."""
        joined = "runs " + ", ".join(repr(run.name) for run in self.runs) + " joined"
        return f"{joined if len(self.runs) > 1 else f'run {self.runs[0].name!r}'}, split {self.split!r}"

    def search(self, split: str, gallery: str | None) -> Search:
        """Return the items of a split with the gallery that they search, less what is left out."""
        from embedlens.searches import search_in

        out = self.reader.leave_out
        search = search_in(
            self._read, (split, gallery), place=self.place, labels=out.labels_of(self.runs[0]),
            duplicates=out.duplicates,
        )  # fmt: skip
        return self.reader.note(self.label, search)

    def _read(self, split: str) -> SplitItems:
        """Return the items of a split."""
        from embedlens.searches import ID, SplitItems
        from embedlens.store.concat import join

        snapshots = [run.snapshot(split, epoch) for run, epoch in zip(self.runs, self.epochs, strict=True)]
        z = snapshots[0].embeddings
        if len(snapshots) > 1:
            z = join([one.embeddings for one in snapshots], [1 / len(snapshots)] * len(snapshots))
        return SplitItems.of(split, z, snapshots[0].labels, ids=self.runs[0].items(split).get(ID))


@dataclass(frozen=True, slots=True, eq=False)
class OpenSetResult:
    """Identification of an ensemble's items: MAP@5 by threshold, the classifier, counts of items left out."""

    gallery: str | None
    new_label: int | None
    new_class: str | None
    result: Identification
    classifier: Classifier | None
    counts: Mapping[str, int]

    def summary(self) -> dict[str, Any]:
        """Return the numbers by name; what is not defined is None."""
        from embedlens_cli.common.report import finite

        numbers = {
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
        return finite(numbers)


def splits_of(run: Run, split: str, how: IdentifyOptions) -> tuple[str | None, str | None]:
    """Return the split that is searched or fitted on, and the one that the threshold is chosen on."""
    from embedlens.selection import gallery_of, searched_split

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


def identify_items(ensemble: Ensemble, how: IdentifyOptions, device: str) -> OpenSetResult:
    """Rank the labels for the items of an ensemble, and choose a threshold; errors name the place."""
    from embedlens.analysis.open_set.classifier import fit_classifier
    from embedlens.analysis.open_set.threshold import identify
    from embedlens.selection import label_of_class

    run = ensemble.runs[0]
    gallery, chosen_on = splits_of(run, ensemble.split, how)
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
    from embedlens.analysis.open_set.classifier import rank_by_classifier
    from embedlens.analysis.open_set.ranking import rank_labels

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
