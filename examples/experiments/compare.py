"""
Comparison of methods
=====================

Is a method better than the loss alone? ``compare`` trains losses alone and under methods, over several
seeds, and gives the table that a paper needs.

.. code-block:: sh

   embedlens compare --data digits --loss triplet,margin --method plain,divide-conquer --seed 0,1 --epochs 2

The same from Python, where any scores can be compared; here a loss with two dimensions, over three seeds:
"""

from pathlib import Path

from embedlens.analysis.experiments.comparison import RunScores, compare
from embedlens.analysis.scores import score
from embedlens.experiments import Trainer
from embedlens.figures.experiments.comparison import figure
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig

wanted = ["nmi", "recall_at_1"]
entries = []
for dim in (8, 32):
    for seed in range(3):
        config = TrainConfig(data="digits", loss="triplet", dim=dim, epochs=1, seed=seed)
        run = Trainer(config, Path(f"runs/dim{dim}-seed{seed}")).run()
        last = run.snapshot("test", -1)
        scores = score(last.embeddings, last.labels, wanted)
        entries.append(RunScores(f"{dim} dims", "triplet", seed, scores, plain=dim == 8))

result = compare(entries)
for name in wanted:
    print(name, {one: round(result.by_name()[one][name]["mean"], 3) for one in result.names.tolist()})
with paper("cvpr"):
    drawn = figure(result, wanted)
    drawn.savefig("compare.pdf")

# %%
# How to read it
# --------------
#
# - The marker is the mean over the seeds, the line the standard deviation, and the dots are the seeds.
# - The baseline, here 8 dimensions, is the dotted line through the rows of its group (*the loss alone* in
#   the legend).
#
# When it misleads
# ----------------
#
# - Three seeds estimate a standard deviation badly. A difference of less than two of them is no finding.
# - Learning rates are those of the loss alone. A method may need another one.
# - A method that trains several networks, or several slices, sees each item less often in the same number
#   of epochs.
#
# Options
# -------
#
# ``--loss``, ``--method`` and ``--seed`` set the grid, ``--metrics`` the columns, ``--latex`` prints the
# table, ``--dry-run`` lists the runs. See the :doc:`command line reference </reference/commands/compare>`
# and :doc:`the results on glyphs </results/methods>`.
#
# Formula
# -------
#
# Mean and sample standard deviation (divisor n - 1) over the seeds.
