"""The blocks of measured numbers in README and results, written from docs/numbers.json."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import ordering_text
from comparison_tables import COMMANDS, text_of
from method_figures import section

DOCS = Path(__file__).parent
NUMBERS = DOCS / "numbers.json"
PAGES = (
    DOCS.parent / "README.md",
    *(DOCS / "results" / f"{page}.md" for page in ("losses", "methods", "orderings")),
)
"""The files that have such blocks."""

_BLOCK = re.compile(r"(<!-- numbers: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def fill(text: str, numbers: dict[str, Any]) -> str:
    """Return the text of a page with its blocks written from the numbers."""
    return _BLOCK.sub(lambda block: block[1] + RENDER[block[2]](numbers) + block[4], text)


def _rates(numbers: dict[str, Any]) -> str:
    """Render the range of R@1 over learning rates from 0.0008 on, for EP and EPSHN."""
    group = numbers["sweep-rates"]
    high = {
        loss: [value for rate, value in rates.items() if float(rate) >= 0.0008]
        for loss, rates in group["values"].items()
    }
    told = ", ".join(
        f"{min(values):.3f} to {max(values):.3f} for {loss.upper()}" for loss, values in high.items()
    )
    return f"`{group['command']}`: test R@1 of {told}, at learning rates of 0.0008 and 0.0016.\n"


def _losses(numbers: dict[str, Any]) -> str:
    """Render R@1 of every loss at its default rate, best first."""
    group = numbers["sweep-losses"]
    values = {loss: next(iter(v.values())) for loss, v in group["values"].items() if isinstance(v, dict)}
    ranked = sorted(values.items(), key=lambda pair: -pair[1])
    lines = [
        f"`{group['command']}`: test R@1 on `glyphs` (9,814 unseen items, 64 dims, Adam at 0.001, seed 0), "
        f"from {group['values']['epoch 0']:.3f} at epoch 0:",
        "",
        "| loss | R@1 |",
        "|---|---|",
        *(f"| `{loss}` | {value:.3f} |" for loss, value in ranked),
    ]
    return "\n".join(lines) + "\n"


def _compared(numbers: dict[str, Any], *, name: str) -> str:
    """Render a comparison."""
    return text_of(numbers.get(name))


def _moving(numbers: dict[str, Any]) -> str:
    """Render what the moving picture shows in its last frame."""
    last = {name: 100 * values[-1] for name, values in numbers["demo"]["values"].items()}
    return (
        f"R@1 after four epochs: {last['demo-order1']:.1f} % of first order, "
        f"{last['demo-order2']:.1f} % of second order.\n"
    )


def _triplets(numbers: dict[str, Any]) -> str:
    """Render what each method did to the triplets of each data set."""
    measured = numbers.get("triplets-of-methods", {"values": {}})["values"]
    return "\n".join(section(name, one) for name, one in measured.items()) or "Not measured yet.\n"


RENDER = {
    "demo": _moving,
    "sweep-losses": _losses,
    "sweep-rates": _rates,
    **{name: partial(_compared, name=name) for name in COMMANDS},
    "triplets-of-methods": _triplets,
    **ordering_text.RENDER,
}
