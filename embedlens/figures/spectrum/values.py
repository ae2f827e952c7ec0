"""Singular value spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from embedlens.analysis.spectrum.values import KINDS
from embedlens.errors import InputError
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.layout.legends import legend_below, place_legend
from embedlens.figures.layout.ticks import number_log_axis
from embedlens.figures.style import line_styles, max_height_of, width_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from embedlens.analysis.spectrum.values import Spectrum

_MARKED_UP_TO = 40  # components; longer curves get no markers
_INSIDE = 6  # lines of a legend that fit beside falling curves
_CORNER: dict[tuple[bool, bool], str] = {
    (False, False): "upper right",
    (True, False): "lower left",
    (False, True): "lower right",
}


def plot(
    result: Spectrum,
    ax: Axes | None = None,
    *,
    log: bool = False,
    cumulative: bool = False,
    color: Any = "C0",
    linestyle: Any = "-",
    label: str | None = None,
) -> Axes:
    """Draw one spectrum against the number of the component.

    Parameters
    ----------
    result
        The spectrum.
    ax
        Axes to draw on; new ones by default. Several spectra on one axes are compared.
    log
        Whether the y axis is logarithmic. Dead dimensions cannot be drawn there; in either case crosses at
        the lower edge mark their places.
    cumulative
        Draw the fraction of the leading components in the sum of all sigma^2 instead of sigma / sqrt(N - 1).
    color, linestyle
        Of the curve.
    label
        Label of the curve in the legend.

    Returns
    -------
    Axes
        The axes.
    """
    check_scale(log=log, cumulative=cumulative)
    axes = Figure(figsize=(3.25, 2.4), layout="constrained").add_subplot() if ax is None else ax
    number = np.arange(1, result.dim + 1)
    marker = "o" if result.dim <= _MARKED_UP_TO else ""
    axes.plot(
        number, heights(result, log=log, cumulative=cumulative), color=color, linestyle=linestyle,
        linewidth=1.1, marker=marker, markersize=2.2, markeredgewidth=0, zorder=3, gid="spectrum",
        label=label,
    )  # fmt: skip
    if result.n_dead:
        axes.plot(
            number[result.dead], np.zeros(result.n_dead), transform=axes.get_xaxis_transform(), color=color,
            linestyle="none", marker="x", markersize=3, markeredgewidth=0.8, clip_on=False, zorder=4,
            gid="dead",
        )  # fmt: skip
    _set_axes(axes, result, log=log, cumulative=cumulative)
    return axes


def check_scale(*, log: bool, cumulative: bool) -> None:
    """Refuse fractions on a logarithmic axis, on which their curves would not differ visibly."""
    if log and cumulative:
        message = "cumulative fractions are drawn on a linear axis; leave out one of log and cumulative"
        raise InputError(message)


def heights(result: Spectrum, *, log: bool = False, cumulative: bool = False) -> NDArray[np.float64]:
    """Return what is drawn of each component, float64 [D]; of dead ones 0, or NaN on a logarithmic axis.

    Parameters
    ----------
    result
        The spectrum.
    log, cumulative
        As in `plot`.
    """
    if cumulative:
        return result.cumulative
    return np.where(result.dead, np.nan if log else 0.0, result.deviations)


def value_label(result: Spectrum, *, cumulative: bool = False) -> str:
    """Return the label of the values: the decomposition, and whether rows are as given, not normalised.

    Parameters
    ----------
    result
        The spectrum.
    cumulative
        As in `plot`.
    """
    what = KINDS[result.kind] + ("" if result.normalized else ", rows as given")
    if cumulative:
        return f"cumulative {'variance' if result.kind == 'pca' else 'squared norm'} ({what})"
    return rf"$\sigma\,/\,\sqrt{{N-1}}$ ({what})"


def dead_text(result: Spectrum) -> str:
    """Return how many dimensions are dead in words; nothing where none is.

    Parameters
    ----------
    result
        The spectrum.
    """
    if not result.n_dead:
        return ""
    verb = "is" if result.n_dead == 1 else "are"
    few = f" (n = {result.n:,})" if result.n <= result.dim else ""
    return f"{result.n_dead} of {result.dim} dimensions {verb} dead{few}"


def figure(
    spectra: Mapping[str, Spectrum],
    *,
    log: bool = False,
    cumulative: bool = False,
    venue: str = "cvpr",
    width: str = "column",
    title: str = "",
) -> Figure:
    """Draw several spectra on one axes, one colour each, with a legend that names dead dimensions.

    Parameters
    ----------
    spectra
        Name -> spectrum, all of one kind.
    log, cumulative
        As in `plot`.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all curves share.
    """
    check_alike(spectra.values())
    inches = width_of(venue, width)
    figure = Figure(figsize=(inches, min(0.72 * inches, 2.6)), layout="constrained")
    axes = figure.add_subplot()
    styles = line_styles(spectra)
    lines: list[Line2D] = []
    for name, result in spectra.items():
        style, label = styles[name], name if len(spectra) > 1 else ""
        plot(result, axes, log=log, cumulative=cumulative, color=style.color, linestyle=style.dashes)
        if label:
            lines.append(Line2D([], [], color=style.color, linestyle=style.dashes, label=label))
        if result.n_dead:
            cross = Line2D([], [], color=style.color, linestyle="none", marker="x", markersize=3)
            cross.set_label(dead_text(result))
            lines.append(cross)
    if max(result.dim for result in spectra.values()) > _MARKED_UP_TO:
        for line in axes.lines:
            line.set_marker("x" if line.get_gid() == "dead" else "")
    axes.set_title(title)
    if lines:
        labels = [str(line.get_label()) for line in lines]
        first = _CORNER[log, cumulative]
        if len(lines) > _INSIDE:
            below = legend_below(figure, lines, labels, most=3, handlelength=1.6)
        else:
            below = place_legend(axes, lines, labels, first=first)
        figure.set_figheight(min(figure.get_figheight() + below, max_height_of(venue)))
    return figure


def check_alike(spectra: Iterable[Spectrum]) -> None:
    """Refuse to compare spectra of different kinds, or of rows that are normalised and not."""
    kinds = {(value_label(result)) for result in spectra}
    if len(kinds) > 1:
        message = f"spectra of {' and '.join(sorted(kinds))} are not compared; choose one kind"
        raise InputError(message)


def component_ticks(dim: int) -> list[int]:
    """Return the components whose numbers stand at an axis: the first, the last, and round ones between.

    Parameters
    ----------
    dim
        Number of components.
    """
    step = next(2**power for power in range(dim.bit_length() + 1) if dim <= 8 * 2**power)
    room = 0.75 * step
    between = [number for number in range(step, dim, step) if number - 1 >= room and dim - number >= room]
    return sorted({1, *between, dim})


def _set_axes(axes: Axes, result: Spectrum, *, log: bool, cumulative: bool) -> None:
    """Name the axes; make room for every component drawn so far."""
    dim = max(np.size(line.get_xdata()) for line in axes.lines if line.get_gid() == "spectrum")
    margin = 0.02 * max(dim - 1, 1)
    axes.set_xlim(1 - margin, dim + margin)
    axes.set_xticks(component_ticks(dim))
    axes.set_xlabel("component")
    axes.set_ylabel(value_label(result, cumulative=cumulative), parse_math=True)
    axes.grid(axis="y", color="0.9", linewidth=0.5)
    if cumulative:
        axes.set_ylim(0.0, 1.02)
        return
    together = axes.get_shared_y_axes().get_siblings(axes)
    lines = [line for other in together for line in other.lines if line.get_gid() == "spectrum"]
    drawn = np.concatenate([np.asarray(line.get_ydata(), np.float64) for line in lines])
    live = drawn[drawn > 0]
    lowest, highest = (live.min(), live.max()) if live.size else (result.resolution, 1.0)
    if log:
        axes.set_yscale("log")
        number_log_axis(axes.yaxis)
        axes.set_ylim(lowest / 1.3, highest * 1.3)
    else:
        axes.set_ylim(0.0, 1.04 * highest)
