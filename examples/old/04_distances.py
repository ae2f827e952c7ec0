"""Seed figure: how far the triplets are from (1, 0), before training and after it with two orders of EPSHN.

The same as `embedlens distances RUN RUN`, from Python. The comparison is made twice: triplets chosen in one
run favour the other.
"""

from pathlib import Path

from embedlens.analysis.triplets import follow_triplets, nearest_triplets
from embedlens.analysis.triplets.distances import distances, histograms
from embedlens.analysis.triplets.paired import compare
from embedlens.experiments import Trainer
from embedlens.figures.style import paper
from embedlens.figures.triplets.distances import StateDistribution
from embedlens.figures.triplets.distances import figure as distances_figure
from embedlens.store import Snapshot
from embedlens.training.config import TrainConfig


def train(order: int) -> list[Snapshot]:
    config = TrainConfig(data="digits", loss="epshn", loss_options={"order": order}, epochs=3, dim=16)
    trainer = Trainer(config, Path(f"runs/digits-order{order}"))
    run = trainer.run()
    return [run.snapshot("test", 0), run.snapshot("test", -1)]


def main() -> None:
    (start, first), (_, second) = train(1), train(2)
    states = {"initial state (epoch 0)": start, "order 1, epoch 3": first, "order 2, epoch 3": second}
    triplets = {name: nearest_triplets(state.embeddings, state.labels) for name, state in states.items()}
    counted = histograms({name: distances(found) for name, found in triplets.items()}, bins=40)

    paired = []
    for reference in list(states)[1:]:
        sides = [distances(follow_triplets(s.embeddings, triplets[reference])) for s in (first, second)]
        paired.append(compare(*sides, names=("order 1", "order 2"), reference=reference))
        print(paired[-1].summary())

    shown = [StateDistribution(name, result, name.startswith("initial")) for name, result in counted.items()]
    with paper("cvpr"):
        figure = distances_figure(shown, paired, n_text=f"n = {paired[0].n:,}", title="digits, test")
        figure.savefig("distances.pdf")


if __name__ == "__main__":
    main()
