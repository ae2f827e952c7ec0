"""Seed figure: a map of the embeddings before and after training, the second led on from the first.

The classes are digits that the training never saw. All epochs: `embedlens tsne RUN --animate`.
"""

from pathlib import Path

from embedlens.analysis.projection import tsne_series
from embedlens.experiments import Trainer
from embedlens.figures.projection import Map, figure, limits_of
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig


def main() -> None:
    config = TrainConfig(data="digits", loss="epshn", dim=32, epochs=2)
    run = Trainer(config, Path("runs/digits")).run()
    labels = run.labels("test")
    epochs = (0, run.epochs()[-1])
    maps = []
    for epoch, step in zip(
        epochs, tsne_series(run.snapshot("test", epoch).embeddings for epoch in epochs), strict=True
    ):
        maps.append(Map(f"epoch {epoch}", step.projection, labels))
        print(
            f"epoch {epoch}: {step.start}, KL divergence {step.projection.kl_divergence:.3f}, "
            f"{step.kept:.0%} of the neighbours kept"
        )
    limits = limits_of(one.projection for one in maps)
    with paper("cvpr"):
        figure(maps, venue="cvpr", width="full", limits=limits).savefig("tsne.pdf")


if __name__ == "__main__":
    main()
