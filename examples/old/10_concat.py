"""Seed figure of slices: two concatenated embeddings are an ensemble; its triplets beside those of each.

The same as `embedlens concat first second --out runs/both` and `embedlens scatter both first second`.
"""

from pathlib import Path

import numpy as np

import embedlens
from embedlens.analysis.triplets import nearest_triplets, summarise
from embedlens.figures.style import paper
from embedlens.figures.triplets.panels import ScatterPanel, figure
from embedlens.store.concat import concatenate


def main() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(30), 20)
    centres = random.normal(size=(30, 16))
    parts = []
    for name in ("first", "second"):  # two views of the same classes, with noise of their own
        noisy = (centres + random.normal(size=centres.shape))[labels] + 2 * random.normal(size=(600, 16))
        with embedlens.Recorder(f"runs/{name}", labels={"test": labels}) as recorder:
            recorder.record(0, {"test": noisy})
        parts.append(recorder.run)
    both = concatenate(parts, Path("runs/both"), weights=[1, 1])
    print(both.info.slices)
    panels = []
    for run in (*parts, both):
        snapshot = run.snapshot("test", -1)
        triplets = nearest_triplets(snapshot.embeddings, snapshot.labels)
        panels.append(ScatterPanel(run.name, "test", snapshot.epoch, triplets))
        print(run.name, summarise(triplets).summary())
    with paper("cvpr"):
        figure(panels, venue="cvpr", width="full").savefig("concat.pdf")


if __name__ == "__main__":
    main()
