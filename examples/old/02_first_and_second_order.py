"""Seed figure: where the triplets end under EPSHN of first and of second order, side by side.

The same as `embedlens demo`, from Python and on the small digits, in a few seconds.
"""

from pathlib import Path

from embedlens.analysis.triplets import nearest_triplets, summarise
from embedlens.experiments import Trainer
from embedlens.figures.style import paper
from embedlens.figures.triplets.panels import ScatterPanel, figure
from embedlens.training.config import TrainConfig


def main() -> None:
    panels = []
    for order in (1, 2):
        config = TrainConfig(data="digits", loss="epshn", loss_options={"order": order}, epochs=3, dim=16)
        trainer = Trainer(config, Path(f"runs/digits-order{order}"))
        run = trainer.run()
        for split in run.splits:
            snapshot = run.snapshot(split, -1)
            triplets = nearest_triplets(snapshot.embeddings, snapshot.labels)
            panels.append(ScatterPanel(run.name, split, snapshot.epoch, triplets))
            print(run.name, split, summarise(triplets).summary())
    with paper("cvpr"):
        figure(panels, venue="cvpr", width="full").savefig("orders.pdf")


if __name__ == "__main__":
    main()
