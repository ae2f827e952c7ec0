"""Principal component scores by class, one panel per component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from embedlens.analysis.spectrum.values import KINDS
from embedlens.errors import InputError
from embedlens.figures.layout.canvas import Figure
from embedlens.figures.style import max_height_of, width_of
from embedlens.figures.triplets.nearest import DRAW_SEED, RASTERISE_ABOVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from embedlens.analysis.spectrum.components import ClassScatter

_ALTERNATING = ("#0072B2", "#D55E00")
_SLOT = 0.7  # of the width of a class: what its items are spread over
_LETTERS = 16  # of a class name at the axis
_LEVEL = 3  # letters of class names that fit side by side
_NAMED_UP_TO = 12  # classes whose labels stand at the axis
_HEADROOM = 4.5  # margins
_HEADING = 0.2  # inches
_NAME_HEIGHT = 0.04  # inches of height that a letter of a turned class name takes


def plot(
    result: ClassScatter,
    ax: Axes | None = None,
    *,
    component: int | None = None,
    limits: tuple[float, float] | None = None,
    size: float | None = None,
    class_names: Mapping[int, str] | None = None,
) -> Axes:
    """Draw every item: its class from left to right, its value in one component upwards.

    Neighbouring classes have two colours in turn. The items of a class stand side by side in the order of
    rows, over 0.7 of the width of a class. More than 5,000 dots are rasterised.

    Parameters
    ----------
    result
        The values.
    ax
        Axes to draw on; new ones by default.
    component
        Number of a component in `result`; by default the first.
    limits
        Of the y axis, the same for panels that are compared (`limits_of`).
    size
        Area of a dot, in points squared; by default chosen by the number of items.
    class_names
        Label -> name, which stands at the axis where there are few classes; other labels stand as numbers.

    Returns
    -------
    Axes
        The axes.
    """
    axes = Figure(figsize=(3.25, 2.2), layout="constrained").add_subplot() if ax is None else ax
    place = _place(result, component)
    n = result.rank.size
    order = np.random.default_rng(DRAW_SEED).permutation(n)
    colors = np.array(_ALTERNATING)[result.rank % 2]
    axes.axhline(0.0, color="0.6", linewidth=0.5, zorder=1, gid="zero")
    axes.scatter(
        _spread(result.rank)[order], result.values[order, place], c=colors[order], linewidths=0,
        s=float(np.clip(9000 / n, 1.2, 7.0)) if size is None else size, alpha=0.6,
        rasterized=n > RASTERISE_ABOVE, zorder=2, gid="items",
    )  # fmt: skip
    _name_axes(axes, result, place, class_names=class_names or {})
    own = limits_of_smallest([result]) if _smallest(result)[place] else None
    axes.set_ylim(limits or own or limits_of([result]))
    return axes


def limits_of(results: Iterable[ClassScatter]) -> tuple[float, float]:
    """Return the y limits that panels share: of all components but the smallest, which has its own.

    Where nothing but the smallest component is drawn, the limits are its own. There is room for numbers
    above the values.

    Parameters
    ----------
    results
        What is compared.
    """
    parts = list(results)
    shared = [part.values[:, ~_smallest(part)] for part in parts]
    if not any(values.size for values in shared):
        shared = [part.values for part in parts]
    return _around([values for values in shared if values.size])


def limits_of_smallest(results: Iterable[ClassScatter]) -> tuple[float, float] | None:
    """Return the y limits of the smallest components, None where none is drawn.

    Their values are often a hundredth of the leading components': with limits shared by all panels they
    would lie on one line.

    Parameters
    ----------
    results
        What is compared.
    """
    own = [part.values[:, _smallest(part)] for part in results]
    drawn = [values for values in own if values.size]
    return _around(drawn) if drawn else None


def _smallest(result: ClassScatter) -> NDArray[np.bool_]:
    """Return which columns of the values are the smallest of several components, bool [k]."""
    return np.asarray((result.components == result.dim) & (result.dim > 1))


def _around(parts: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Return limits around all values."""
    low = min(float(values.min()) for values in parts)
    high = max(float(values.max()) for values in parts)
    margin = 0.04 * (high - low) or 0.01
    return low - margin, high + _HEADROOM * margin


def figure(
    runs: Mapping[str, ClassScatter],
    *,
    limits: tuple[float, float] | None = None,
    limits_smallest: tuple[float, float] | None = None,
    venue: str = "cvpr",
    width: str = "full",
    title: str = "",
    class_names: Mapping[str, Mapping[int, str]] | None = None,
) -> Figure:
    """Draw a panel for each component, side by side, and a row for each run.

    All panels have the same y limits, but those of the smallest component, which share their own.

    Parameters
    ----------
    runs
        Name -> values.
    limits
        Of the y axes; by default what all panels but those of the smallest component need (`limits_of`).
    limits_smallest
        Of the y axes of the smallest component; by default `limits_of_smallest`.
    venue, width
        Where the figure is to be printed, see `embedlens.figures.style`.
    title
        Heading: what all panels share.
    class_names
        Name of a run -> label -> name of the class.
    """
    inches = width_of(venue, width)
    shared = limits or limits_of(runs.values())
    own = limits_smallest or limits_of_smallest(runs.values())
    most = max(result.components.size for result in runs.values())
    columns = 1 if inches < 4 or most == 1 else 2 if most in (2, 4) else 3
    lines = [-(-result.components.size // columns) for result in runs.values()]
    side = min(2.2, max(1.3, 0.62 * inches / columns))
    height = sum(lines) * side + (_HEADING if title else 0.0) + _names_height(runs, class_names or {}, lines)
    figure = Figure(figsize=(inches, min(height, max_height_of(venue))), layout="constrained")
    grid = figure.subplots(sum(lines), columns, squeeze=False)
    for number, (name, result) in enumerate(runs.items()):
        top = sum(lines[:number])
        block = grid[top : top + lines[number]]
        for at, (axes, component) in enumerate(_panels(block, result)):
            named = (class_names or {}).get(name)
            alone = component == result.dim > 1 and own is not None
            plot(result, axes, component=component, limits=own if alone else shared, class_names=named)
            if alone and own != shared:
                axes.set_title(f"{axes.get_title(loc=mpl.rcParams['axes.titlelocation'])} (own scale)")
            if at % columns:
                axes.set_ylabel("")
                axes.tick_params(labelleft=alone and own != shared)
            elif len(runs) > 1:
                axes.set_ylabel(f"{name}\n{axes.get_ylabel()}")
            if number < len(runs) - 1 or at // columns < lines[number] - 1:
                axes.set_xlabel("")
    if title:
        figure.suptitle(title)
    return figure


def _names_height(
    runs: Mapping[str, ClassScatter],
    class_names: Mapping[str, Mapping[int, str]],
    lines: list[int],
) -> float:
    """Return the inches that class names at the x axes need, which would be taken from the panels."""
    height = 0.0
    for (name, result), count in zip(runs.items(), lines, strict=True):
        names = _short_names(result, class_names.get(name, {}))
        height += count * _NAME_HEIGHT * max((len(one) for one in names if len(one) > _LEVEL), default=0)
    return height


def _short_names(result: ClassScatter, class_names: Mapping[int, str]) -> list[str]:
    """Return what stands at the axis for each class; nothing where there are many."""
    if result.classes.size > _NAMED_UP_TO:
        return []
    names = [class_names.get(label, str(label)) for label in result.classes.tolist()]
    return [name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…" for name in names]


def _panels(block: Any, result: ClassScatter) -> list[tuple[Axes, int]]:
    """Return the axes of each component of a run; those left over are taken away."""
    for axes in block.flat[result.components.size :]:
        axes.remove()
    return list(zip(block.flat, result.components.tolist(), strict=False))


def _place(result: ClassScatter, component: int | None) -> int:
    """Return which column of the values is meant."""
    known = result.components.tolist()
    if component is not None and component not in known:
        message = f"component {component} is not in the result, which holds: {', '.join(map(str, known))}"
        raise InputError(message)
    return 0 if component is None else known.index(component)


def _spread(rank: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return where each item stands: around its class, side by side in the order of rows."""
    order = np.argsort(rank, kind="stable")
    counts = np.bincount(rank)
    within = np.empty(rank.size)
    within[order] = np.arange(rank.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(rank + _SLOT * ((within + 0.5) / counts[rank] - 0.5), np.float64)


def _name_axes(axes: Axes, result: ClassScatter, place: int, *, class_names: Mapping[int, str]) -> None:
    """Label the axes, say how large the component is, and how many items are drawn."""
    number, count = int(result.components[place]), result.classes.size
    rows = "" if result.normalized else ", rows as given"
    axes.set(xlabel=f"class ({count:,})", ylabel=f"value ({KINDS[result.kind]}{rows})")
    which = {1: ", largest", result.dim: ", smallest"}.get(number, "") if result.dim > 1 else ""
    axes.set_title(f"component {number} of {result.dim}{which}")
    axes.set_xlim(-0.5 - 0.01 * count, count - 0.5 + 0.01 * count)
    short = _short_names(result, class_names)
    if short:
        long = max(map(len, short)) > _LEVEL
        turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if long else {}
        axes.set_xticks(range(count), short, parse_math=False, **turned)
        axes.set_xlabel("class")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
        labels = dict(enumerate(result.classes.tolist()))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: str(labels.get(round(place), ""))))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    size = "dead" if result.dead[place] else rf"$\sigma/\sqrt{{N-1}}$ = {_figure(result.deviations[place])}"
    axes.text(
        0.985, 0.97, f"{size}, n = {result.rank.size:,}", transform=axes.transAxes, va="top", ha="right",
        fontsize=mpl.rcParams["xtick.labelsize"], zorder=4, gid="numbers",
        parse_math=True,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
    )  # fmt: skip


def _figure(value: float) -> str:
    """Return three digits of a number."""
    return f"{value:.3g}" if value < 1e-3 else f"{value:.3f}" if value < 10 else f"{value:,.0f}"
