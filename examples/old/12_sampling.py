"""Seed figure: "Sampling matters": losses, distances on the sphere, what mining selects, and gradient noise.

The same as `embedlens sampling RUN`, from Python and on the small digits.
"""

from pathlib import Path

import numpy as np

from embedlens.analysis.experiments.curves import fixed_batches
from embedlens.analysis.sampling import pair_distances, theory
from embedlens.analysis.sampling.mining import STRATEGIES, NonzeroFraction, selected_negatives
from embedlens.experiments import Trainer
from embedlens.figures.sampling import Contents, figure
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig


def main() -> None:
    config = TrainConfig(data="digits", loss="triplet", epochs=2, dim=16)
    trainer = Trainer(config, Path("runs/digits"))
    run = trainer.run()
    last = run.snapshot("test", -1)
    pairs, batches = pair_distances(last.embeddings, last.labels), fixed_batches(last.labels, count=8)
    mined = {
        epoch: [selected_negatives(run.snapshot("test", epoch).embeddings, last.labels, name, batches=batches)
                for name in STRATEGIES]
        for epoch in run.epochs()
    }  # fmt: skip
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
        nonzero={run.name: [
            NonzeroFraction.of({epoch: found[number] for epoch, found in mined.items()})
            for number in range(len(STRATEGIES))
        ]},
        note="8 batches",
    )  # fmt: skip
    with paper("cvpr"):
        figure(contents, title="digits, test").savefig("sampling.pdf")


if __name__ == "__main__":
    main()
