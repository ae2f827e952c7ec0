"""Seed figure: embeddings of 64, 32 and 16 dimensions, and what Recall@1 loses with the small components."""

from pathlib import Path

from embedlens.analysis.pruning import pruned_recall
from embedlens.experiments import Trainer
from embedlens.figures.pruning import figure
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig


def main() -> None:
    curves = {}
    for dim in (64, 32, 16):
        config = TrainConfig(data="digits", loss="n-pair-mc", items_per_class=2, dim=dim, epochs=2)
        run = Trainer(config, Path(f"runs/dim{dim}")).run()
        test, train = run.snapshot("test"), run.snapshot("train")
        curve = pruned_recall(test.embeddings, test.labels, fit=train.embeddings)
        curves[f"{dim} dimensions"] = curve
        print(
            f"{dim}: R@1 {curve.recall[-1]:.3f}; best {curve.recall.max():.3f} by {curve.recall.argmax() + 1}"
        )
    with paper("cvpr"):
        figure(curves, venue="cvpr", fit="train").savefig("pruning.pdf")


if __name__ == "__main__":
    main()
