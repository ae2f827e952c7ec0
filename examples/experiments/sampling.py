"""
Sampling and mining
===================

Which negatives does a mining strategy select, and is their loss above 0? ``sampling`` draws what
theory says of losses and distances, and what each strategy selects from the snapshots of a run.

.. code-block:: sh

   embedlens sampling demo-order1

From Python, on the small digits:
"""

from pathlib import Path

import numpy as np

from embedlens.analysis.experiments.monitoring import fixed_batches
from embedlens.analysis.sampling import pair_distances, theory
from embedlens.analysis.sampling.mining import STRATEGIES, NonzeroFraction, selected_negatives
from embedlens.experiments import Trainer
from embedlens.figures.sampling import Contents, figure
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig

config = TrainConfig(data="digits", loss="triplet", epochs=2, dim=16)
trainer = Trainer(config, Path("runs/digits"))
run = trainer.run()
last = run.snapshot("test", -1)
pairs, batches = pair_distances(last.embeddings, last.labels), fixed_batches(last.labels, count=8)
mined = {
    epoch: [
        selected_negatives(run.snapshot("test", epoch).embeddings, last.labels, name, batches=batches)
        for name in STRATEGIES
    ]
    for epoch in run.epochs()
}
print(f"effective dimension {pairs.effective_dim:.1f} of {pairs.dim}")
for one in mined[last.epoch]:
    print(f"{one.mining}: mean distance {one.distances.mean:.3f}, loss > 0 in {one.nonzero:.0%}")

d = np.linspace(0, 2, 401)
contents = Contents(
    losses=theory.loss_curves(d),
    spheres=[theory.sphere_density(d, dim) for dim in theory.DIMS],
    noise=[theory.gradient_noise(d, pairs.dim, scale) for scale in theory.SCALES],
    pairs={run.name: pairs},
    beside=[theory.sphere_density(d, pairs.dim)],
    negatives={run.name: mined[last.epoch]},
    nonzero={
        run.name: [
            NonzeroFraction.of({epoch: found[number] for epoch, found in mined.items()})
            for number in range(len(STRATEGIES))
        ]
    },
    note="8 batches",
)
with paper("cvpr"):
    drawn = figure(contents, title="digits, test")
    drawn.savefig("sampling.pdf")

# %%
# How to read it
# --------------
#
# - **Losses** against the distance of the pair: where the curve is flat, a pair teaches nothing.
# - **Distances on the sphere**: two random points in many dimensions are nearly always at a distance of
#   about 1.41, so random negatives are all alike, and mostly too far to matter. The run's own distances
#   are drawn beside.
# - **Selected negatives**: hard negatives are at the left, close to the anchor. Distance-weighted
#   sampling draws against q(d), which prefers close negatives, from a cutoff of 0.5 on.
# - **Active triplets**: the fraction with a non-zero loss. When it nears 0, the training stands still.
# - **Gradient noise**: close negatives have gradients whose direction is mostly noise. This is why the
#   hardest negatives can make a training collapse.
#
# When it misleads
# ----------------
#
# - Negatives are selected from batches of a given size. Larger batches have harder ones.
# - The effective dimension, not the number of dimensions, decides how concentrated the distances are.
# - The snapshots are from the end of an epoch; during training the network changes with every batch.
#
# Options
# -------
#
# ``--show`` chooses the panels, ``--mining`` the strategies, ``--margin`` and ``--beta`` the losses,
# ``--epoch all`` the epochs of the active triplets. See the :doc:`command line reference
# </reference/commands/sampling>`.
#
# Formula
# -------
#
# The density of the distance :math:`d` of two random points on the unit sphere in :math:`D` dimensions is
#
# .. math::
#
#    q(d) \propto d^{D-2} \bigl(1 - \tfrac{1}{4} d^2\bigr)^{(D-3)/2}.
#
# C.-Y. Wu, R. Manmatha, A. J. Smola and P. Krähenbühl, *Sampling Matters in Deep Embedding Learning*,
# ICCV 2017.
