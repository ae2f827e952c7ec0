"""
Sweep over learning rates
=========================

Which learning rate suits a loss, and how sensitive is it? ``sweep`` trains a run for each combination of
loss, learning rate, dimension and seed, and draws the score at the end.

.. code-block:: sh

   embedlens sweep --data digits --loss ep,epshn --lr 0.0004,0.0016 --epochs 1 --dim 8

The same command goes on after a stop, and reuses finished runs in larger grids. The same from Python:
"""

from pathlib import Path

from embedlens.experiments.grid import Grid
from embedlens.experiments.grid_runs import plan
from embedlens.experiments.grid_training import train_runs
from embedlens.experiments.recipe import Recipe
from embedlens.experiments.sweep import Score, measure, summarise
from embedlens.figures.experiments.sweep import figure as sweep_figure
from embedlens.figures.style import paper

grid = Grid(losses=("ep", "epshn"), rates=(0.0004, 0.0016), dims=(8,))
recipe = Recipe({"data": "digits", "epochs": 1, "classes_per_batch": 5, "items_per_class": 30}, threads=1)
runs = plan(grid.configs(recipe), Path("runs"), any_threads=True)
failed = train_runs(runs)  # runs that are finished are not trained again
outcomes = measure(runs, failed, Score("recall_at_1", "test"))
result = summarise(outcomes)
print(result.columns())
with paper("cvpr"):
    drawn = sweep_figure(result, label="test R@1", title=f"n = {outcomes[0].items}")
    drawn.savefig("sweep.pdf")

# %%
# How to read it
# --------------
#
# - Each point is one run, or the mean over the seeds with its standard deviation.
# - The dashed line is the score at epoch 0. A run at or below it has gained nothing.
# - A flat curve is a loss that is easy to tune. A loss that wins at one rate only may win by luck.
#
# When it misleads
# ----------------
#
# - The best of many rates, chosen on the test split, is optimistically biased, and the more so the larger
#   the grid.
# - Few epochs favour large rates.
# - One seed per point: differences within the spread of seeds mean nothing. ``--seed 0,1,2`` shows the
#   spread.
#
# Options
# -------
#
# ``--loss all`` takes every loss at its default rate, ``--lr``, ``--dim`` and ``--seed`` take lists,
# ``--metric`` another score, ``--dry-run`` lists the runs. See the :doc:`command line reference
# </reference/commands/sweep>`.
#
# Formula
# -------
#
# Mean and sample standard deviation (divisor n - 1) over the seeds of a point.
