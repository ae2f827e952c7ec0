"""Sizes of the classes of a split, as `info` shows them: a histogram, the smallest and the largest class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.errors import listed, shortened
from embedlens_cli.class_names import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

_BARS = 8  # of a histogram, where the sizes do not call for more
_LONGEST = 32  # letters of its longest bar


def class_sizes(sizes: NDArray[np.int64]) -> dict[str, Any]:
    """Return the least, median, mean and largest size of a class, and how many classes have which size.

    Up to eight different sizes have a bar each. More of them: where the largest is eight times the smallest
    or more, sizes up to 4 have a bar each, and those above share one up to the next power of two; else bars
    are of equal width.
    """
    import numpy as np

    least, largest = int(sizes.min()), int(sizes.max())
    different = np.unique(sizes)
    if different.size <= _BARS:
        spans = [(int(size), int(size)) for size in different]
    elif largest >= _BARS * least:
        powers = [2**power for power in range(2, largest.bit_length() + 1)]
        doubled = [(size, size) for size in range(1, 5)] + [(low + 1, 2 * low) for low in powers]
        spans = [
            (max(low, least), min(high, largest)) for low, high in doubled if high >= least and low <= largest
        ]
    else:
        width = -(-(largest - least + 1) // _BARS)
        spans = [(low, min(low + width - 1, largest)) for low in range(least, largest + 1, width)]
    within = [(sizes >= low) & (sizes <= high) for low, high in spans]
    return {
        "least": least,
        "median": float(np.median(sizes)),
        "mean": float(sizes.mean()),
        "largest": largest,
        "histogram": [
            {"from": low, "to": high, "classes": int(own.sum()), "items": int(sizes[own].sum())}
            for (low, high), own in zip(spans, within, strict=True)
        ],
    }


def print_sizes(split: str, part: dict[str, Any]) -> None:
    """Print a bar for the classes of each size."""
    from embedlens_cli import output

    sizes = part["class_sizes"]
    span = (
        f"{sizes['least']:,}"
        if sizes["least"] == sizes["largest"]
        else f"{sizes['least']:,} to {sizes['largest']:,}"
    )
    output.say(f"  class sizes, {split}: {span} items, median {sizes['median']:g}, mean {sizes['mean']:.4g}")
    bars = sizes["histogram"]
    most = max(bar["classes"] for bar in bars)
    names = [f"{bar['from']:,}" + (f" to {bar['to']:,}" if bar["to"] > bar["from"] else "") for bar in bars]
    names = ["1 (singletons)" if bar["to"] == 1 else name for bar, name in zip(bars, names, strict=True)]
    wide, counted = max(map(len, names)), len(f"{most:,}")
    for name, bar in zip(names, bars, strict=True):
        length = max(bar["classes"] > 0, round(_LONGEST * bar["classes"] / most))
        output.say(f"    {name:>{wide}}  {bar['classes']:>{counted},}  {output.bar(length)}".rstrip())
    if part["named"]:
        ends = [
            f"{which} {shortened(part[f'{which}_class']['name'])} ({part[f'{which}_class']['items']:,})"
            for which in ("smallest", "largest")
        ]
        output.say(f"  classes, {split}: {part['named']}; {', '.join(ends)}")


def class_facts(
    classes: NDArray[np.int64], sizes: NDArray[np.int64], names: Mapping[int, str]
) -> dict[str, Any]:
    """Return the smallest and the largest class, of equal ones the first, and of named classes a short list.

    Parameters
    ----------
    classes, sizes
        int64 [C] each: the labels, ascending, and their numbers of items.
    names
        Label -> name.
    """
    known = [told(label, names) for label in classes.tolist()] if names else []
    return {
        "named": listed(known) if known else "",
        **{
            f"{which}_class": {
                "label": int(classes[at]),
                "name": names.get(int(classes[at]), str(classes[at])),
                "items": int(sizes[at]),
            }
            for which, at in (("smallest", sizes.argmin()), ("largest", sizes.argmax()))
        },
    }
