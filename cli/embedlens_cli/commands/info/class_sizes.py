"""Sizes of the classes of a split, as `info` shows them: a histogram, the smallest and the largest class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.errors import listed, shortened
from embedlens_cli.common.class_names import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

_LONGEST = 32  # letters of the longest bar


def class_facts(labels: NDArray[np.int64], names: Mapping[int, str]) -> dict[str, Any]:
    """Return numbers of items and classes, the sizes of classes, the smallest and the largest one.

    `names`: label -> name; where there are any, a short list of the classes is given.
    """
    from embedlens.analysis.retrieval.class_sizes import class_sizes

    split_sizes = class_sizes(labels)
    known = [name_of(label, names) for label in split_sizes.classes.tolist()] if names else []
    return {
        "items": int(labels.size),
        "classes": split_sizes.classes.size,
        "n_singletons": split_sizes.n_singletons,
        "class_sizes": {**split_sizes.summary(), "histogram": split_sizes.histogram()},
        "named": listed(known) if known else "",
        **{
            f"{which}_class": {
                "label": int(split_sizes.classes[at]),
                "name": names.get(int(split_sizes.classes[at]), str(split_sizes.classes[at])),
                "items": int(split_sizes.sizes[at]),
            }
            for which, at in (("smallest", split_sizes.smallest), ("largest", split_sizes.largest))
        },
    }


def print_sizes(split: str, part: dict[str, Any]) -> None:
    """Print a bar for the classes of each size."""
    from embedlens_cli.common import console

    sizes = part["class_sizes"]
    span = (
        f"{sizes['least']:,}"
        if sizes["least"] == sizes["largest"]
        else f"{sizes['least']:,} to {sizes['largest']:,}"
    )
    console.print_line(
        f"  class sizes, {split}: {span} items, median {sizes['median']:g}, mean {sizes['mean']:.4g}"
    )
    bars = sizes["histogram"]
    most = max(bar["classes"] for bar in bars)
    names = [f"{bar['from']:,}" + (f" to {bar['to']:,}" if bar["to"] > bar["from"] else "") for bar in bars]
    names = ["1 (singletons)" if bar["to"] == 1 else name for bar, name in zip(bars, names, strict=True)]
    wide, counted = max(map(len, names)), len(f"{most:,}")
    for name, bar in zip(names, bars, strict=True):
        length = max(bar["classes"] > 0, round(_LONGEST * bar["classes"] / most))
        console.print_line(
            f"    {name:>{wide}}  {bar['classes']:>{counted},}  {console.bar(length)}".rstrip()
        )
    if part["named"]:
        ends = [
            f"{which} {shortened(part[f'{which}_class']['name'])} ({part[f'{which}_class']['items']:,})"
            for which in ("smallest", "largest")
        ]
        console.print_line(f"  classes, {split}: {part['named']}; {', '.join(ends)}")
