"""
Record your own training
========================

Your loop stays as it is. Three lines record the embeddings of every epoch; pictures and names of classes
make the figures easier to read.

.. code-block:: sh

   embedlens scatter runs/mine --epoch 0,10

draws what this script records and draws:
"""

import torch
from pytorch_metric_learning.losses import MultiSimilarityLoss
from sklearn.datasets import load_digits

import embedlens
from embedlens.analysis.triplets import nearest_triplets, summarise
from embedlens.figures.style import paper
from embedlens.figures.triplets.panels import ScatterPanel, figure

digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32) / 16
labels = torch.tensor(digits.target)
pictures = (digits.images * 15.9).astype("uint8")
train = torch.arange(len(labels)) % 2 == 0
test = ~train

torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Linear(64, 128),
    torch.nn.ReLU(),
    torch.nn.Linear(128, 32),
)
optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
loss_of, loss = MultiSimilarityLoss(), torch.tensor(0.0)

with embedlens.Recorder(
    "runs/mine",
    labels={"train": labels[train], "test": labels[test]},
    thumbnails={"train": pictures[train], "test": pictures[test]},
    class_names={digit: f"digit {digit}" for digit in range(10)},
    method={"loss": "multi-similarity"},
) as recorder:
    for epoch in range(11):  # epoch 0: before training
        order = torch.randperm(int(train.sum()))
        for batch in order.split(128) if epoch else ():
            loss = loss_of(network(images[train][batch]), labels[train][batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            z = {"train": network(images[train]), "test": network(images[test])}
        recorder.record(epoch, z, metrics={"loss": loss.item()})

panels = []
for epoch in (0, 10):
    snapshot = embedlens.open_run("runs/mine").snapshot("test", epoch)
    triplets = nearest_triplets(snapshot.embeddings, snapshot.labels)
    panels.append(ScatterPanel("mine", "test", epoch, triplets))
    for name, value in summarise(triplets).summary().items():
        print(f"epoch {epoch}: {name} {value:.4g}")

with paper("icml"):
    drawn = figure(panels, venue="icml", width="full")
    drawn.savefig("record.pdf")

# %%
# What to look at
# ---------------
#
# - Row i is the same item in every epoch. Embed the whole split, in order, without augmentation.
# - Embeddings may be numpy arrays or torch tensors on any device, of any float type, normalised or not.
# - ``method`` is free; runs that differ in its ``seed`` alone are averaged. ``metrics`` go to log.csv and
#   are drawn by ``embedlens curves runs/mine``.
# - Each epoch is on the disk when ``record`` returns. A training that stops keeps what it has recorded,
#   and ``Recorder(..., resume=True)`` continues the run.
#
# Options
# -------
#
# ``pretrained`` takes features from before training, ``query_gallery`` says which split searches which,
# ``items`` names the items, ``dtype="float16"`` halves the disk space. The guide is
# :doc:`/guides/recording`.
