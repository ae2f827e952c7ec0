"""Divide and Conquer: each cluster of the items is learnt by a slice of the embedding; R@1 of each slice.

The same as `embedlens train --data digits --split-by items --method divide-conquer --clusters 2 --dim 16` and
`embedlens evaluate --slices 2`, `embedlens tsne --color cluster`.
"""

from pathlib import Path

import numpy as np

from embedlens.analysis.projection import tsne
from embedlens.analysis.retrieval import recall_at_k
from embedlens.analysis.retrieval.learners import describe_clusters
from embedlens.experiments import Trainer
from embedlens.figures.projection import plot
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig


def main() -> None:
    config = TrainConfig(
        data="digits", split_by="items", method="divide-conquer", method_options={"clusters": 2},
        dim=16, epochs=2, items_per_class=8,
    )  # fmt: skip
    run = Trainer(config, Path("runs/divided")).run()
    test, train = run.snapshot("test"), run.snapshot("train")
    for start, stop in run.info.slices:
        recall = recall_at_k(test.embeddings[:, start:stop], test.labels, (1,))[1]
        print(f"dims {start} to {stop - 1}: R@1 {recall:.3f}")
    print(f"all: R@1 {recall_at_k(test.embeddings, test.labels, (1,))[1]:.3f}")
    clusters = np.asarray(run.extra("train", "cluster", train.epoch))
    found = describe_clusters(clusters, train.labels, n_clusters=2)
    print(f"items of each cluster {found.sizes.tolist()}, purity {found.mean_purity:.3f}")
    projection = tsne(train.embeddings, train.labels, n_iter=250)
    with paper("cvpr"):
        plot(projection, labels=clusters).figure.savefig("clusters.pdf")


if __name__ == "__main__":
    main()
