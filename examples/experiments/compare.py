"""
Comparison of methods
=====================

Is a method better than the loss alone? ``compare`` trains losses alone and under methods, over several
seeds, and gives the table that a paper needs: means, standard deviations, the difference from the loss alone
with an interval, and what each row took to train.

.. code-block:: sh

   embedlens compare --data digits --loss triplet,margin --method plain,divide-conquer --seed 0,1 --epochs 2

The same from Python, where any scores can be compared; here a loss with two dimensions, over three seeds:
"""

from pathlib import Path

from embedlens.analysis.differences import retrieval_outcomes
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
        hits = retrieval_outcomes(last.embeddings, last.labels).hits  # which items count for R@1
        entries.append(RunScores(f"{dim} dims", "triplet", seed, scores, plain=dim == 8, hits=hits))

result = compare(entries)
for name in wanted:
    print(name, {one: round(result.by_name()[one][name]["mean"], 3) for one in result.names.tolist()})
print(result.verdicts, result.differences[1])
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
# - The second panel has the difference in R@1 from the baseline, seed by seed, and its 95 % interval. The
#   circle is filled where the interval excludes 0: only then a row is called better or worse.
#
# When it misleads
# ----------------
#
# - Three seeds estimate a standard deviation badly, and intervals from three seeds are rather too narrow. Of
#   twenty rows without any difference one is called better or worse by chance.
# - Learning rates are those of the loss alone. A method may need another one.
# - A method that trains several networks, or several slices, sees each item less often in the same number
#   of epochs: compare the steps of each row.
# - Four epochs from random weights are not what papers report; ``--preset published`` comes nearer.
#
# Options
# -------
#
# ``--preset`` sets how methods are trained, ``--loss``, ``--method`` and ``--seed`` the grid, ``--metrics``
# the columns, ``--latex`` prints the tables, ``--dry-run`` lists the runs. See the
# :doc:`command line reference </reference/commands/compare>` and :doc:`the results </results/methods>`.
#
# Formula
# -------
#
# Mean and sample standard deviation (divisor n - 1) over the seeds. The interval is a percentile bootstrap
# that resamples seeds, each with both of its runs, and classes (:doc:`metrics </reference/metrics>`).
