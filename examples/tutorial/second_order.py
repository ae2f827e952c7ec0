"""
From a training loop to a finding
=================================

You have a training loop. In this tutorial you add three lines that record the embeddings, draw what the
training did, and follow a question to its answer: *why does the second order of a loss end nearer to (1,
0)?* It takes a few minutes to read and under a minute to run. Download it as a notebook at the end of the
page.

A training loop, and three lines
--------------------------------

The data are 1,797 handwritten digits of scikit-learn. We train on 0 to 4 and test on 5 to 9, so the test
classes are new to the network. The loop is plain PyTorch; the loss is EPSHN (easy positive, semi-hard
negative), which exists in a first and in a second order. The three lines are the ones that name
``Recorder`` and ``record``."""

import torch
from sklearn.datasets import load_digits

import embedlens
from embedlens.objectives import EPSHN

digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32) / 16
labels = torch.tensor(digits.target)
train, test = labels < 5, labels >= 5


def fit(order):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 64))
    loss_of = EPSHN(order=order)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    names = {"train": labels[train], "test": labels[test]}
    with embedlens.Recorder(f"runs/order{order}", labels=names) as recorder:
        for epoch in range(31):  # epoch 0: before training
            batches = torch.randperm(int(train.sum())).split(128) if epoch else ()
            for batch in batches:
                z = network(images[train][batch])
                loss, _ = loss_of(z, labels[train][batch])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            with torch.no_grad():
                z = {"train": network(images[train]), "test": network(images[test])}
            recorder.record(epoch, z)
    return embedlens.open_run(f"runs/order{order}")


runs = [fit(order) for order in (1, 2)]
print(runs[0])

# %%
# A run is a folder of plain files, ``runs/order1``. Every command of embedlens takes it now, for example
# ``embedlens scatter order1 order2 --animate``. Here we stay in Python.
#
# Look at the triplets
# --------------------
#
# Each test item is a dot: the similarity to its nearest positive across, to its nearest negative up. The
# ideal is the star at (1, 0), and Recall@1 is the fraction of dots below the diagonal.

from embedlens.analysis.triplets import nearest_triplets, summarise
from embedlens.figures.style import paper
from embedlens.figures.triplets.panels import ScatterPanel, figure

panels = []
for run in runs:
    snapshot = run.snapshot("test", -1)
    triplets = nearest_triplets(snapshot.embeddings, snapshot.labels)
    panels.append(ScatterPanel(run.name, "test", snapshot.epoch, triplets))
    numbers = summarise(triplets).summary()
    print(run.name, {name: round(value, 3) for name, value in numbers.items()})
with paper("cvpr"):
    scatter = figure(panels, venue="cvpr", width="full")

# %%
# The dots of order 2 lie lower. Is that so for every item, or for some?
#
# Compare item by item
# --------------------
#
# We measure the distance of each dot to (1, 0), for the same triplets in both runs.

from embedlens.analysis.triplets import follow_triplets
from embedlens.analysis.triplets.distances import distances
from embedlens.analysis.triplets.paired import compare

for panel in panels:  # with the triplets of each run, since each choice favours the other
    sides = [distances(follow_triplets(run.snapshot("test", -1).embeddings, panel.triplets)) for run in runs]
    paired = compare(*sides, names=("order1", "order2"), reference=panel.run)
    print(paired.summary())

# %%
# Order 2 is nearer with the triplets of either run. With those of order 1 the difference is large, with
# its own it is small: a triplet is chosen for its nearest negative, so each choice favours the other run.
# The truth lies between the two. On the larger test split of ``embedlens demo`` both differences are
# clearer.
#
# Ask the loss
# ------------
#
# Where would one gradient step of the loss alone move a triplet? At (0.95, 0.95), in the top right
# corner, both similarities are high: the positive is close already, and the negative is not yet far.

from embedlens.analysis.triplets.field import field
from embedlens.figures.triplets.field import figure as field_figure

fields = []
for order, panel in enumerate(panels, start=1):
    step = field("epshn", ([0.95], [0.95]), order=order)
    print(f"order {order}: along (1, {step.d_an[0] / step.d_ap[0]:.0f})")
    arrows = field("epshn", order=order)
    with paper("cvpr"):
        fields.append(field_figure([panel], arrows, width="column"))
        fields[-1].savefig(f"field-order{order}.pdf")

# %%
# This is the answer. The first order moves the dot along (1, -1): it pulls the positive, which is near
# already, as hard as it pushes the negative. The second order weighs the pull by :math:`1 - S_{ap}` and
# the push by :math:`S_{an}`, so it moves the dot along (1, -19), almost straight down, and leaves the
# positive where it is.
#
# What to do next
# ---------------
#
# - Is it worth anything? ``embedlens evaluate order1 order2`` scores both runs. A distance to (1, 0) is
#   no goal in itself: retrieval depends on the order of the similarities only.
# - Look at single items: :doc:`trajectories </gallery/triplets/trajectory>`.
# - Record your own training: :doc:`the guide </guides/recording>`.
