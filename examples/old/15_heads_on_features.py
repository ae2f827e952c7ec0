"""Features that a large network computed once; heads are trained on them in seconds, loss by loss.

Here pixels stand for the features. With a network of timm, `embedlens train --backbone timm:resnet50
--epochs 0 --out runs/resnet50` records its features, `--backbone features:runs/resnet50` trains on them.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from embedlens.analysis.retrieval import recall_at_k
from embedlens.experiments import Trainer
from embedlens.figures.style import paper, width_of
from embedlens.training.config import TrainConfig
from embedlens.training.datasets import load_dataset


def main() -> None:
    data = load_dataset("digits")
    for split, part in data.splits.items():  # one file a split, rows in the order of its items
        np.save(f"features-{split}.npy", part.images.pixels.reshape(len(part.labels), -1).astype(np.float32))
    curves = {}
    for loss in ("triplet", "n-pair-mc", "epshn"):
        config = TrainConfig(
            data="digits", backbone="features:features-{split}.npy", loss=loss, lr=0.0003, dim=16, epochs=4
        )
        run = Trainer(config, Path("runs") / loss).run()
        test = [run.snapshot("test", epoch) for epoch in run.epochs()]
        curves[loss] = [recall_at_k(one.embeddings, one.labels, (1,))[1] for one in test]
    before = recall_at_k(run.pretrained("test"), run.labels("test"), (1,))[1]
    print(f"features as they are: R@1 {before:.3f}; heads of 16 dims:")
    for loss, values in curves.items():
        print(loss, " ".join(f"{value:.3f}" for value in values))
    with paper("cvpr"):
        figure = Figure(figsize=(width_of("cvpr", "column"), 2.2), layout="constrained")
        axes = figure.subplots()
        axes.axhline(before, color="0.5", dashes=(4, 2), label="features, 256 dims")
        for loss, values in curves.items():
            axes.plot(values, marker="o", label=f"{loss}, 16 dims")
        axes.set(xlabel="epoch", ylabel="test R@1", xticks=range(5))
        axes.legend()
        figure.savefig("heads.pdf")


if __name__ == "__main__":
    main()
