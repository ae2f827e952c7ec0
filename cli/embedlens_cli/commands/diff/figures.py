"""Figures of `diff` with their data: ranks, classes, confusions, and the sheet of the worst losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens_cli.common.figure_style import epochs_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from embedlens.measurements.differences import Sides, SplitDifference
    from embedlens.store import Run
    from embedlens_cli.common.report import Report
    from embedlens_cli.common.snapshots import Selected


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn: sides, split, its snapshots, how many classes at either end, and how many anchors."""

    sides: Sides
    split: str
    places: Sequence[Selected]
    top: int
    n: int

    @property
    def class_names(self) -> dict[int, str]:
        """Names of classes that the runs share."""
        from embedlens.measurements.class_names import joint

        return joint(one.run.class_names for one in self.places)

    @property
    def title(self) -> str:
        """What both sides share."""
        return ", ".join(filter(None, [self.sides.heading, self.split]))

    @property
    def epochs(self) -> str:
        """The part of file names for the epochs: those of both sides in order, where they differ."""
        first, second = (epochs_text(side.epochs) for side in (self.sides.first, self.sides.second))
        return first if first == second else f"{first}-to-{second.removeprefix('epoch-')}"


def save_split(report: Report, drawn: Drawn, found: SplitDifference) -> None:
    """Write the figures of a split; where nothing changed, their data alone."""
    from embedlens.captions import differences as captions
    from embedlens.figures import differences as figures

    names, size, top = drawn.class_names, report.style.size(), drawn.top
    shared: dict[str, Any] = {"title": drawn.title, **size}
    listed: dict[str, Any] = shared | {"class_names": names, "most": top}
    anchors, classes, confusions = found.anchors, found.classes, found.confusions
    _add(
        report, drawn, "ranks", figures.anchors.figure(anchors, **shared), anchors.columns(),
        caption=captions.ranks(anchors), facts=anchors.summary() | {"interval": anchors.interval.summary()},
    )  # fmt: skip
    end = "" if top == figures.classes.MOST else f"top-{top}"
    changed = any(places.size for places in classes.largest(top))
    _add(
        report, drawn, "classes", figures.classes.figure(classes, **listed) if changed else {},
        classes.columns(), caption=captions.classes(classes, top),
        facts={"top": top, "classes": classes.summary()}, word=end,
    )  # fmt: skip
    changed = any(places.size for places in confusions.largest(top))
    _add(
        report, drawn, "confusions", figures.confusions.figure(confusions, **listed) if changed else {},
        confusions.columns(), caption=captions.confusions(confusions, top, several=anchors.test is None),
        facts={"top": top, "confusions": confusions.summary()}, word=end,
    )  # fmt: skip
    if found.losses.anchor.size:
        pictures = _pictures([one.run for one in drawn.places], drawn.split)
        sheet: Figure | dict[str, Any] = {}
        if pictures is not None:
            sheet = figures.losses.figure(
                found.losses, pictures[0], gallery=pictures[1], class_names=names, title=drawn.title,
                **report.style.size(2),
            )  # fmt: skip
        _add(
            report, drawn, "losses", sheet, found.losses.columns(),
            caption=captions.losses(found.losses, several=anchors.test is None),
            facts={"shown": found.losses.anchor.size, "of": found.losses.n_lost},
            word="" if found.most_losses == figures.losses.MOST else str(found.most_losses),
        )  # fmt: skip


def _add(
    report: Report,
    drawn: Drawn,
    what: str,
    figure: Figure | dict[str, Any],
    columns: Mapping[str, Any],
    *,
    caption: str,
    facts: Mapping[str, Any],
    word: str = "",
) -> None:
    """Write one figure with its data, the names of classes beside their labels."""
    from embedlens.measurements.class_names import columns as name_columns

    table: dict[str, Any] = {"split": drawn.split}
    for column, values in columns.items():
        table[column] = values
        if column.endswith("label"):
            named = name_columns(values, drawn.class_names)
            prefix = column.removesuffix("label")
            table |= {f"{prefix}{key}": names for key, names in named.items()}
    report.add(
        figure, [table], drawn.places, epochs=drawn.epochs, words=[what, word], caption=caption,
        facts={"figure": what, **facts},
        counts=[(drawn.n, one.run.info.splits[drawn.split].items) for one in drawn.places],
    )  # fmt: skip


def _pictures(runs: Sequence[Run], split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """Return the pictures of the split and of its gallery, of the first run that has both; None: none has."""
    from embedlens.selection import gallery_of

    for run in runs:
        own, others = run.thumbnails(split), run.thumbnails(gallery_of(run, split) or split)
        if own is not None and others is not None:
            return own, others
    return None
