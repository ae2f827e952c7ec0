"""The blocks of measured numbers in README and results, written from docs/numbers.json."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
NUMBERS = DOCS / "numbers.json"
PAGES = (DOCS.parent / "README.md", DOCS / "results" / "losses.md", DOCS / "results" / "methods.md")
"""The files that have such blocks."""
COMPARED = {"nmi": "NMI", "f1": "F1", **{f"recall_at_{k}": f"R@{k}" for k in (1, 2, 4, 8)}}

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


def _compared(numbers: dict[str, Any]) -> str:
    """Render the comparison: mean and standard deviation over the seeds, per cent."""
    lines = ["| | " + " | ".join(COMPARED.values()) + " |", "|---" * (len(COMPARED) + 1) + "|"]
    for label, row in numbers["compare"]["values"].items():
        cells = [f"{100 * mean:.1f} ± {100 * deviation:.1f}" for mean, deviation in row.values()]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _moving(numbers: dict[str, Any]) -> str:
    """Render what the moving picture shows in its last frame."""
    last = {name: 100 * values[-1] for name, values in numbers["demo"]["values"].items()}
    return (
        f"R@1 after four epochs: {last['demo-order1']:.1f} % of first order, "
        f"{last['demo-order2']:.1f} % of second order.\n"
    )


def _why(numbers: dict[str, Any]) -> str:
    """Render what the logs of the comparison's runs show of each method, seed 0."""
    runs = numbers["epochs"]["values"]
    weighted = numbers["reconstruction"]
    recall = {label: row["test_recall_at_1"] for label, row in runs.items()}
    dvml = runs["dvml-triplet"]
    last = recall["dvml-triplet"][-1]
    by_weight = ", ".join(f"{value:.3f} with {weight}" for weight, value in weighted["values"].items())
    lines = [
        "- `divide-conquer`: each of the four learners, of 16 dims, sees a quarter of the batches. After",
        "  four epochs each has seen as many as a loss alone after one. R@1 still rises at the last epoch",
        f"  (margin {_list(recall['divide-conquer-margin'][1:])}).",
        "- `dvml`: in the second phase the decoder's gradient reaches the encoder. R@1 of triplet goes from",
        f"  {recall['dvml-triplet'][2]:.3f} after epoch 2 to {recall['dvml-triplet'][3]:.3f} after epoch 3.",
        f"  The reconstruction loss of 2,048 features is {dvml['reconstruction'][3]:.0f} there,",
        f"  the triplet loss {dvml['invariant'][3]:.2f} (both in log.csv).",
        f"  `{weighted['command']}`",
        f"  ends at R@1 {last:.3f} with the default weight 1, {by_weight};",
        f"  triplet alone at {recall['triplet'][-1]:.3f}.",
        f"  The KL divergence is {dvml['kl'][1]:.1f} in the first epoch. After epoch 2, in the first phase,",
        f"  n-pair-mc + dvml has R@1 {recall['dvml-n-pair-mc'][2]:.3f},",
        f"  n-pair-mc alone {recall['n-pair-mc'][2]:.3f}.",
        "  `--first-phase EPOCHS` leaves the second phase out.",
        f"- `dreml` and `hdc` after epochs 3 and 4: R@1 {_list(recall['dreml-softmax'][-2:])} and",
        f"  {_list(recall['hdc-contrastive'][-2:])}.",
    ]
    return "\n".join(lines) + "\n"


def _list(values: list[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


RENDER = {
    "demo": _moving,
    "sweep-losses": _losses,
    "sweep-rates": _rates,
    "compare": _compared,
    "compare-epochs": _why,
}
