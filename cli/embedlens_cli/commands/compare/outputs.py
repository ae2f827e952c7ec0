"""Outputs of `compare`: figure, data, sidecar, LaTeX, and what is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens_cli.commands.compare import tables
from embedlens_cli.common import console, score_tables
from embedlens_cli.common.figure_style import FigureStyle, epochs_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlens.analysis.experiments.comparison import Comparison
    from embedlens.experiments.comparison import Scores
    from embedlens_cli.commands.compare.training import Trained
    from embedlens_cli.common.grids import GridOptions

_DRAWN = ("recall_at_1", "nmi", "f1")


def answer(
    trained: Trained,
    scores: Sequence[Scores],
    style: FigureStyle,
    *,
    where: GridOptions,
    words: Sequence[str],
    latex: bool,
    facts: Mapping[str, Any],
) -> None:
    """Print the tables; write them with the figure, its data and the sidecar, which holds `facts`, too."""
    from embedlens.artifacts import Artifacts
    from embedlens.experiments.comparison import mean_rows, row_facts, summarise, table_of
    from embedlens.figures.experiments.comparison import figure as comparison_figure
    from embedlens.files import write_text

    result, budgets = summarise(trained.runs, scores), row_facts(trained.runs, scores)
    split = next(scored.split for scored in scores if scored.values)
    means = mean_rows(result, split=split, epochs={name: row["epochs"] for name, row in budgets.items()})
    said = _facts(trained, result) | {"split": split, **facts}
    summary = {name: numbers | budgets[name] for name, numbers in result.by_name().items()}
    artifacts = Artifacts(where.figures, console.command(), said, summary=summary)
    drawn = [name for name in _DRAWN if name in result.metrics] or result.metrics.tolist()[:3]
    heading = tables.heading(trained, split, result)
    with style.paper():
        panels = len(drawn) + any(result.differences)
        figure = comparison_figure(result, drawn, **style.size(panels), title=heading)
        style.save(
            artifacts, _stem(trained, words), figure, [table_of(result, trained.runs, scores, rows=budgets)],
            facts={"drawn": drawn}, caption=_caption(trained, result, drawn, facts=said),
        )  # fmt: skip
    start = tables.start_text(trained)
    text = f"% {start}\n{score_tables.latex(means)}\n\n{tables.latex(result, budgets)}"
    table = artifacts.data[0].with_suffix(".tex")
    write_text(table, text + "\n")
    artifacts.data.append(table)
    for line in score_tables.missing(means):
        console.print_message(line)
    if where.as_json:
        console.print_json(artifacts.answer())
        return
    if latex:
        console.print_line(text)
        return
    console.print_line(start)
    columns, cells = score_tables.plain(means, width=None, per_cent=True)
    console.print_table(columns, cells, title=f"{heading}, per cent")
    tables.print_differences(result, budgets)
    for line in tables.notes(trained, result, budgets):
        console.print_line(line)
    console.print_files(artifacts)
    console.print_line(f"wrote {table}")


def _stem(trained: Trained, words: Sequence[str]) -> list[str]:
    """Return the parts of the file name."""
    config = trained.runs[0].run.config
    ways = trained.plan.ways
    names = [*dict.fromkeys(way.loss or "" for way in ways), *dict.fromkeys(way.method for way in ways)]
    epochs = epochs_text(one.run.config.epochs for one in trained.runs)
    return ["compare", config.data, "+".join(filter(None, names)), *words, epochs]


def _caption(trained: Trained, result: Comparison, drawn: Sequence[str], *, facts: Mapping[str, Any]) -> str:
    """Return the caption of the figure."""
    from embedlens.captions.places import caption
    from embedlens.captions.scores import comparison
    from embedlens.experiments.comparison import epochs_text as epochs_of
    from embedlens.store import open_run

    labels = [score_tables.title(name) for name in drawn]
    run = open_run(next(one.run.path for one in trained.runs if one.run.path not in trained.failed))
    known = [one for one in result.differences if one is not None]
    what = {
        "data": trained.runs[0].run.config.data, "epoch": epochs_of(trained.runs), "split": facts["split"],
        "n": run.info.splits[facts["split"]].items, "seeds": result.seeds.tolist(),
        "intervals": known[0].n_seeds if known else 0,
    }  # fmt: skip
    text = comparison(labels, what, names=result.names.tolist())
    return caption(text, [], left_out=facts.get("left_out"))


def _facts(trained: Trained, result: Comparison) -> dict[str, Any]:
    """Return the entries of the sidecar."""
    start = trained.start
    epochs = [one.run.config.epochs for one in trained.runs]
    return {
        "preset": trained.plan.preset.name,
        "starts_from": None if start is None else tables.start_facts(start),
        "runs": [one.facts for one in trained.runs],
        "epoch": max(epochs),
        "seeds": result.seeds.tolist(),
        "mean": "over the seeds that have scores; deviation: sample standard deviation (divisor n - 1)",
        "gain": "mean over seeds of the score less that of the loss alone with the same seed",
        **({"rows_left_out": dict(trained.left_out)} if trained.left_out else {}),
    }
