"""What `identify` finds of one run, or of several joined: ranking, sweep, threshold; and its table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.classifier import Classifier
    from embedlens.analysis.new_choice import Choice
    from embedlens.analysis.new_class import NewSweep, Ranking
    from embedlens.searches import Search, Side
    from embedlens.store import Run
    from embedlens_cli.reading import Reader

HALVES = "halves"
JOINED = "joined"
FITTED = "train"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of every run; a class of None is none, and so is a split."""

    new_label: str | None
    gallery: str | None
    classifier: bool
    c: float
    choose_on: str | None
    seed: int
    device: str
    reader: Reader

    @property
    def words(self) -> list[str]:
        """What changes the numbers, for file names."""
        return [
            f"new-{self.new_label}" if self.new_label is not None else "",
            f"gallery-{self.gallery}" if self.gallery else "",
            "classifier" if self.classifier else "",
            f"c-{self.c:g}" if self.classifier and self.c != 10 else "",
            f"chosen-on-{self.choose_on}" if self.choose_on else "",
            f"seed-{self.seed}" if self.choose_on == HALVES and self.seed else "",
            *self.reader.leave_out.words,
        ]


@dataclass(frozen=True, slots=True)
class Source:
    """A run at an epoch, or several joined: their embeddings side by side."""

    label: str
    runs: tuple[Run, ...]
    epochs: tuple[int, ...]

    @property
    def epoch(self) -> str:
        """The epoch, or those of the parts."""
        return "+".join(map(str, dict.fromkeys(self.epochs)))

    def place(self, split: str) -> str:
        """Where the embeddings stand, for messages."""
        named = "runs " + ", ".join(repr(run.name) for run in self.runs) + " joined"
        return f"{named if len(self.runs) > 1 else f'run {self.runs[0].name!r}'}, split {split!r}"

    def read(self, split: str) -> Side:
        """Return the items of a split."""
        from embedlens.searches import ID, Side
        from embedlens.store.concat import join

        found = [run.snapshot(split, epoch) for run, epoch in zip(self.runs, self.epochs, strict=True)]
        z = found[0].embeddings
        if len(found) > 1:
            z = join([one.embeddings for one in found], [1 / len(found)] * len(found))
        return Side.of(split, z, found[0].labels, ids=self.runs[0].items(split).get(ID))

    def search(self, split: str, gallery: str | None, reader: Reader) -> Search:
        """Return the items of a split with the gallery that they search, less what is left out."""
        from embedlens.searches import search_in

        out = reader.leave_out
        found = search_in(
            self.read, (split, gallery), place=self.place(split), labels=out.labels_of(self.runs[0]),
            duplicates=out.duplicates,
        )  # fmt: skip
        return reader.note(self.label, found)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The sweep of one source on one split, the threshold chosen, and MAP@5 where `new` stands nowhere."""

    source: Source
    split: str
    gallery: str | None
    new_label: int | None
    new_class: str | None
    sweep: NewSweep
    choice: Choice
    never: float
    classifier: Classifier | None
    counts: Mapping[str, int]

    @property
    def place(self) -> dict[str, Any]:
        """Which embeddings the sweep is of."""
        return {"run": self.source.label, "split": self.split, "epoch": self.source.epoch}

    def summary(self) -> dict[str, Any]:
        """Return the numbers; what cannot be told is None."""
        best = self.sweep.best()
        numbers = {
            "gallery": self.gallery,
            "new_label": self.new_label,
            **({} if self.new_class is None else {"new_class": self.new_class}),
            "n_known": self.sweep.n_known,
            "n_new": self.sweep.n_new,
            **self.counts,
            **self.choice.columns(),
            "best_threshold": best,
            "best_map_at_5": float(self.sweep.map_at_5[self.sweep.at(best)]),
            "map_at_5_never_new": self.never,
        }
        if self.classifier is not None:
            numbers |= {"fitted_on": self.classifier.n, "converged": self.classifier.converged}
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in numbers.items()
        }


def splits_of(run: Run, split: str, asked: Asked) -> tuple[str | None, str | None]:
    """Return the split that is searched or fitted on, and the one that the threshold is chosen on."""
    from embedlens.selection import gallery_of, searched_split

    gallery = searched_split(run, split, asked.gallery)
    if asked.classifier:
        gallery = asked.gallery or gallery_of(run, split) or FITTED
        place = f"run {run.name!r}"
        if gallery not in run.splits:
            raise unknown(gallery, "split to fit on", run.splits).within(place)
        if split == gallery or asked.choose_on == gallery:
            message = (
                f"the classifier is fitted on split {gallery!r} and knows its items; choose another "
                f"--{'split' if split == gallery else 'choose-on'}, or fit on another --gallery"
            )
            raise InputError(message)
    chosen_on = None if asked.choose_on in (None, HALVES) else asked.choose_on
    if chosen_on is not None and chosen_on not in run.splits:
        place = f"run {run.name!r}"
        raise unknown(chosen_on, "split to choose on", (*run.splits, HALVES)).within(place)
    return gallery, None if chosen_on == split else chosen_on


def find(source: Source, split: str, asked: Asked) -> Found:
    """Rank the labels for a split, sweep the threshold, choose one; what cannot be is told with its place."""
    from embedlens.analysis.classifier import fit_classifier
    from embedlens.analysis.new_choice import choose, choose_halves
    from embedlens.selection import class_of

    run = source.runs[0]
    gallery, chosen_on = splits_of(run, split, asked)
    seen = dict.fromkeys(name for name in (split, gallery, chosen_on) if name is not None)
    new_label = None if asked.new_label is None else class_of(run, asked.new_label, list(seen))
    try:
        classifier = None
        if asked.classifier and gallery is not None:
            fitted = source.search(gallery, None, asked.reader)
            classifier = fit_classifier(fitted.z, fitted.y, new_label=new_label, c=asked.c)
        search = source.search(split, gallery if classifier is None else None, asked.reader)
        ranking = _rank(search, new_label, classifier, asked)
        sweep = ranking.sweep()
        if asked.choose_on == HALVES:
            choice = choose_halves(ranking, seed=asked.seed)
        else:
            other = None
            if chosen_on is not None:
                searched = None if chosen_on == gallery else gallery
                chosen = source.search(chosen_on, searched if classifier is None else None, asked.reader)
                other = _rank(chosen, new_label, classifier, asked).sweep()
            choice = choose(sweep, other)
    except InputError as error:
        place = source.place(split)
        raise (error if place in str(error) else error.within(place)) from error
    never = ranking.map_at_5(None)
    named = None if new_label is None else run.class_names.get(new_label)
    return Found(source, split, gallery, new_label, named, sweep, choice, never, classifier, search.counts)


def _rank(search: Search, new_label: int | None, classifier: Classifier | None, asked: Asked) -> Ranking:
    """Rank the labels for the queries of a split, by neighbours or by the classifier."""
    from embedlens.analysis.classifier import rank_by_classifier
    from embedlens.analysis.new_class import rank_labels

    z, y = search.z, search.y
    if classifier is not None:
        ranking = rank_by_classifier(classifier, z, y, new_label=new_label)
    else:
        there = new_label in y or (search.other is not None and new_label in search.other.y)
        ranking = rank_labels(
            z, y, new_label=new_label if there else None, gallery=search.gallery, device=asked.device
        )
    if not ranking.is_new.any():
        message = (
            f"no item of split {search.query.split!r} is new, so any threshold does harm; name "
            "the class that is to count as nobody known by --new-label, one that has items there"
        )
        raise InputError(message)
    return ranking


def print_table(found: Sequence[Found]) -> None:
    """Print what each run makes of the known and of the new items."""
    from embedlens_cli import output

    fitted = any(one.classifier is not None for one in found)
    rows = [
        (
            f"{one.source.label}, {one.split}", one.source.epoch, one.gallery or "-",
            f"{one.sweep.n_known:,}", f"{one.sweep.n_new:,}", f"{one.never:.4f}",
            ", ".join(f"{value:.4f}" for value in one.choice.thresholds),
            *(_number(value) for value in
              (one.choice.map_at_5, one.choice.map_at_5_known, one.choice.map_at_5_new)),
        )
        for one in found
    ]  # fmt: skip
    columns = (
        "run, split", "epoch", "fitted on" if fitted else "gallery", "known", "new", "never new", "threshold",
        "MAP@5", "of known", "of new",
    )  # fmt: skip
    output.print_table(columns, rows)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"
