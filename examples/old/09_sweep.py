"""Seed figure: R@1 against learning rate for EP and EPSHN.

The same as `embedlens sweep --data digits --epochs 1 --dim 8 --lr 0.0004,0.0016`, from Python.
"""

from pathlib import Path

from embedlens.experiments.grid import Grid
from embedlens.experiments.grid_runs import plan
from embedlens.experiments.grid_training import train_runs
from embedlens.experiments.recipe import Recipe
from embedlens.experiments.sweep import Score, measure, summarise
from embedlens.figures.experiments.sweep import figure as sweep_figure
from embedlens.figures.style import paper


def main() -> None:
    grid = Grid(losses=("ep", "epshn"), rates=(0.0004, 0.0016), dims=(8,))
    recipe = Recipe({"data": "digits", "epochs": 1, "classes_per_batch": 5, "items_per_class": 30}, threads=1)
    runs = plan(grid.configs(recipe), Path("runs"), any_threads=True)
    failed = train_runs(runs)  # runs that are finished are not trained again
    outcomes = measure(runs, failed, Score("recall_at_1", "test"))
    result = summarise(outcomes)
    print(result.columns())
    with paper("cvpr"):
        figure = sweep_figure(result, label="test R@1", title=f"digits, n = {outcomes[0].items}")
        figure.savefig("sweep.pdf")


if __name__ == "__main__":
    main()
