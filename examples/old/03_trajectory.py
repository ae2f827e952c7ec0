"""Seed figure: the path of single test images under EPSHN of first and of second order, epoch by epoch.

The same as `embedlens trajectory RUN RUN --moved 3`, from Python. Blue is the state before training.
"""

from pathlib import Path

from embedlens.analysis.triplets import follow_triplets, nearest_triplets
from embedlens.analysis.triplets.trajectory import follow, moved_anchors, take
from embedlens.experiments import Trainer
from embedlens.figures.style import paper
from embedlens.figures.triplets.trajectory import Thumbnail, TrajectoryPanel, figure
from embedlens.store import Run
from embedlens.training.config import TrainConfig


def train(order: int) -> Run:
    config = TrainConfig(data="digits", loss="epshn", loss_options={"order": order}, epochs=3, dim=16)
    trainer = Trainer(config, Path(f"runs/digits-order{order}"))
    return trainer.run()


def main() -> None:
    runs = [train(order) for order in (1, 2)]
    first, last = runs[0].snapshot("test", 0), runs[0].snapshot("test", -1)
    every = nearest_triplets(last.embeddings, last.labels)
    chosen = take(every, moved_anchors(follow_triplets(first.embeddings, every), every, count=3))

    followed = []
    for run in runs:
        states = ((epoch, run.snapshot("test", epoch).embeddings) for epoch in run.epochs())
        followed.append(follow(states, chosen, run=run.name))

    images, panels = runs[0].thumbnails("test"), []
    for paths in zip(*followed, strict=True):
        items = paths[0].anchor, paths[0].positive, paths[0].negative
        pictures = tuple(Thumbnail(images[item], str(last.labels[item])) for item in items)
        panels.append(TrajectoryPanel(paths, f"anchor {paths[0].anchor}", pictures))
        for path in paths:
            print(f"{path.run}, anchor {path.anchor}: {path.distance[0]:.3f} to {path.distance[-1]:.3f}")
    with paper("cvpr"):
        figure(panels, venue="cvpr", width="full").savefig("trajectory.pdf")


if __name__ == "__main__":
    main()
