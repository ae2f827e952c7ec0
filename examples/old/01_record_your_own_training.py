"""Record a training loop of your own in three lines, then draw its triplets.

The loop here is a stand-in: points of ten classes that drift to their class centres.
"""

import numpy as np

import embedlens
from embedlens.figures.style import paper


def main() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 30)
    centres, noise = random.normal(size=(10, 32)), random.normal(size=(300, 32))

    with embedlens.Recorder("runs/mine", labels={"test": labels}, method={"loss": "drift"}) as recorder:
        for epoch in range(6):
            embeddings = centres[labels] + noise * 3 / (epoch + 1)
            recorder.record(epoch, {"test": embeddings}, metrics={"spread": 3 / (epoch + 1)})

    snapshot = embedlens.open_run("runs/mine").snapshot("test", -1)
    triplets = embedlens.analysis.triplets.nearest_triplets(snapshot.embeddings, snapshot.labels)
    with paper("icml"):
        axes = embedlens.figures.triplets.plot(triplets)
        axes.figure.set_size_inches(3.25, 3.25)
        axes.figure.savefig("mine.pdf")
    print(embedlens.analysis.triplets.summarise(triplets).summary())


if __name__ == "__main__":
    main()
