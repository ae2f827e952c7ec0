"""Tables of a comparison of methods: printed, LaTeX, CSV, JSON and sidecar; and its figure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from embedlens_cli.common import console, score_tables
from embedlens_cli.common.figure_style import FigureStyle, epochs_text
from embedlens_cli.common.grids import GridOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.experiments.comparison import Comparison
    from embedlens.experiments.comparison import ComparedRun, Scores

_DRAWN = ("recall_at_1", "nmi", "f1")


def answer(
    planned: Sequence[ComparedRun],
    scores: Sequence[Scores],
    style: FigureStyle,
    *,
    where: GridOptions,
    words: Sequence[str],
    latex: bool,
    facts: Mapping[str, Any],
) -> None:
    """Print the table, and write it with the figure, its data and the sidecar, which holds `facts`, too."""
    from embedlens.artifacts import Artifacts
    from embedlens.experiments.comparison import mean_rows, summarise
    from embedlens.figures.experiments.comparison import figure as comparison_figure
    from embedlens.figures.style import paper
    from embedlens.files import write_text

    config = planned[0].run.config
    result = summarise(planned, scores)
    split = next(one.split for one in scores if one.values)
    means = mean_rows(result, split=split, epoch=config.epochs)
    said = _facts(planned, result) | {"split": split, **facts}
    artifacts = Artifacts(where.figures, console.command(), said, summary=result.by_name())
    names = [
        *dict.fromkeys(one.way.loss or "" for one in planned),
        *dict.fromkeys(w.way.method for w in planned),
    ]
    stem = ["compare", config.data, "+".join(filter(None, names)), *words, epochs_text([config.epochs])]
    seeds = f"mean and standard deviation of {console.count_text(result.seeds.size, 'seed')}"
    heading = f"{config.data}, {split}, epoch {config.epochs}, {dims_of(planned)}, {seeds}"
    drawn = [name for name in _DRAWN if name in result.metrics] or result.metrics.tolist()[:3]
    with paper(style.venue):
        figure = comparison_figure(result, drawn, **style.size(len(drawn)), title=heading)
        style.save(artifacts, stem, figure, [result.columns()], facts={"drawn": drawn})
    table = where.figures / f"{style.stem(stem)}.tex"
    write_text(table, score_tables.latex(means) + "\n")
    artifacts.data.append(table)
    for line in score_tables.missing(means):
        console.print_message(line)
    if where.as_json:
        console.print_json(artifacts.answer())
        return
    if latex:
        console.print_line(score_tables.latex(means))
        return
    columns, cells = score_tables.plain(means, width=None)
    console.print_table(columns, cells, title=heading)
    console.print_files(artifacts)
    console.print_line(f"wrote {table}")
    _print_gains(result)


def dims_of(planned: Sequence[ComparedRun]) -> str:
    """Return the dims of the embeddings; those that few have are named with the methods that have them."""
    dims = Counter(one.run.config.dim for one in planned)
    most = dims.most_common(1)[0][0]
    others = dict.fromkeys(
        (one.way.method, one.run.config.dim) for one in planned if one.run.config.dim != most
    )
    rest = "; ".join(f"{name}: {dim}" for name, dim in others)
    return f"{most} dims ({rest})" if rest else f"{most} dims"


def _print_gains(result: Comparison) -> None:
    """Say, for what is compared with a plain loss, what it gained in the first measure of retrieval."""
    names = result.metrics.tolist()
    k = names.index("recall_at_1") if "recall_at_1" in names else 0
    gain, spread = result.gain[:, k], result.gain_deviation[:, k]
    for row, name in enumerate(result.names.tolist()):
        if gain[row] == gain[row]:  # a number
            text = "" if spread[row] != spread[row] else f" ± {spread[row]:.4f}"
            against = result.names[result.plain[row]]
            n, of = int(result.n_gains[row, k]), int(result.n[row])
            text += f" ({n} of {console.count_text(of, 'seed')})" if n < of else ""
            console.print_line(
                f"{name}: {score_tables.title(names[k])} {gain[row]:+.4f}{text} against {against}"
            )


def _facts(planned: Sequence[ComparedRun], result: Comparison) -> dict[str, Any]:
    """Return what the sidecar says."""
    return {
        "runs": [one.facts for one in planned],
        "epoch": planned[0].run.config.epochs,
        "seeds": result.seeds.tolist(),
        "mean": "over the seeds that have scores; deviation: sample standard deviation (divisor n - 1)",
        "gain": "mean over seeds of the score less that of the loss alone with the same seed",
    }
