"""Style and names of figures, and the answer of a command that draws."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens_cli.common import console, options
from embedlens_cli.common.run_names import RunNames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from matplotlib.figure import Figure

    from embedlens.artifacts import Artifacts
    from embedlens.csv_files import Table
    from embedlens.store import Run

_MOST_EPOCHS = 10
_ROUNDING = 1e-6  # inches


@dataclass(frozen=True, slots=True)
class FigureStyle:
    """Options of the appearance and the names of figures.

    Attributes
    ----------
    formats
        Endings of the figure's files.
    venue, width
        Where they are printed; a width of None is a column for a figure of one panel, else full.
    names
        Names of runs.
    title, text
        Whether titles and the statistics in corners are drawn.
    latex
        Whether the answer is the LaTeX environments of the figures.
    """

    formats: Sequence[str]
    venue: str
    width: str | None
    names: RunNames = RunNames()
    title: bool = True
    text: bool = True
    latex: bool = False

    @classmethod
    def of(
        cls,
        formats: str,
        venue: str,
        width: str | None,
        *,
        names: str | None = None,
        title: bool = True,
        text: bool = True,
        latex: bool = False,
    ) -> FigureStyle:
        """Check the options; wrong ones raise `InputError`."""
        from embedlens.artifacts import check_formats
        from embedlens.figures.style import width_of

        known = check_formats(options.words(formats))
        width_of(venue, width or "full")
        if latex and "pdf" not in known:
            message = f"--latex includes the PDF of a figure, and --format {formats!r} has none; add pdf"
            raise InputError(message)
        return cls(known, venue, width, RunNames.of(names), title, text, latex)

    def paper(self) -> AbstractContextManager[None]:
        """Return the context in which figures are drawn in the style of the venue."""
        from embedlens.figures.style import paper

        return paper(self.venue)

    def finish(self, figure: Figure) -> None:
        """Remove title and corner texts where the options leave them out."""
        from embedlens.figures.layout.fitting import hide

        hide(figure, title=not self.title, text=not self.text)

    def size(self, panels: int = 1) -> dict[str, str]:
        """Return the venue and the width of a figure of some number of panels, as figures take them."""
        from embedlens.figures.style import VENUES

        alone = panels == 1 and VENUES[self.venue].column
        return {"venue": self.venue, "width": self.width or ("column" if alone else "full")}

    def is_wide(self, figure: Figure) -> bool:
        """Return whether a figure takes both columns of the venue's page."""
        from embedlens.figures.style import VENUES

        column = VENUES[self.venue].column
        return column is not None and figure.get_figwidth() > column + _ROUNDING

    def stem(self, parts: Iterable[str]) -> str:
        """Return the file name, without ending, from what distinguishes the figure from others."""
        from embedlens.artifacts import stem_of

        return stem_of([*parts, "" if self.venue == "cvpr" else self.venue, self.width or ""])

    def save(
        self,
        artifacts: Artifacts,
        parts: Iterable[str],
        figure: Figure,
        table: Table,
        *,
        facts: Mapping[str, Any],
        caption: str,
    ) -> list[Path]:
        """Write a figure in every format, its data and its sidecar."""
        from embedlens.artifacts import figure_writers

        self.finish(figure)
        writers = figure_writers(figure, self.formats)
        wide = self.is_wide(figure)
        return artifacts.save(self.stem(parts), writers, table, facts=facts, caption=caption, wide=wide)


def epochs_text(epochs: Iterable[int]) -> str:
    """Return the part of a file name for epochs: each of a few; of many the first, the last and the step."""
    every = sorted(set(epochs))
    if len(every) <= _MOST_EPOCHS:
        return "epoch-" + "+".join(f"{epoch:04d}" for epoch in every)
    steps = {after - before for before, after in zip(every, every[1:], strict=False)}
    if len(steps) == 1:
        return f"epoch-{every[0]:04d}-to-{every[-1]:04d}-by-{steps.pop()}"
    digest = hashlib.sha256(repr(every).encode()).hexdigest()[:8]
    return f"epoch-{every[0]:04d}-to-{every[-1]:04d}-{len(every)}_epochs_{digest}"


def answered(artifacts: Artifacts, style: FigureStyle, *, as_json: bool) -> bool:
    """Print the answer where it is one JSON object, or LaTeX; return whether it is."""
    from embedlens.captions.latex import UNREADABLE

    for path in artifacts.figures if style.latex else ():
        if path.suffix == ".pdf" and UNREADABLE & {*path.as_posix()}:
            console.print_message(f"LaTeX cannot read the path {path}; choose another --out")
    if as_json:
        latex = {"latex": artifacts.latex} if style.latex else {}
        console.print_json(artifacts.answer() | latex)
    elif style.latex:
        console.print_line("\n\n".join(artifacts.latex))
    return as_json or style.latex


def answer(
    artifacts: Artifacts,
    chosen: Sequence[Run],
    print_summary: Callable[[], None],
    *,
    style: FigureStyle,
    typed: Sequence[str] | None,
    as_json: bool,
) -> None:
    """Print the answer: JSON or LaTeX; else the run that was read by default, the summary, and the files."""
    if not as_json:
        console.name_implied(typed, chosen)
    if answered(artifacts, style, as_json=as_json):
        return
    print_summary()
    console.print_files(artifacts)
