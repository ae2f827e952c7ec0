"""t-SNE maps against openTSNE's defaults, in time and in Kullback-Leibler divergence.

    python tests/benchmarks/projection.py [--n 8000] [--dim 512] [--repeats 3] [--no-history]
    python tests/benchmarks/projection.py --series [--n 4000] [--dim 128] [--epochs 20] [--cold]

One map: items of N / 5.35 classes, as in `engine.py`. The peer is ``openTSNE.TSNE(metric="cosine")`` with as
many threads as there are cores: approximate neighbours, Barnes-Hut below 10,000 items. Its approximate search
takes the distance of the normalised for "cosine", sqrt(2 - 2 S); so ours is asked for the same, ``metric=
"euclidean"``. Both take openTSNE's 250 + 500 iterations and perplexity 30.

A series: epochs in which features that know little of the classes become classes, each at its own pace, with
a new jitter in every epoch: from one epoch to the next 75 to 90 % of the nearest neighbours stay. The peer
maps each epoch from scratch. `--cold` also times ours from scratch, to tell the gradient from the warm start.

All divergences are taken in one way, whoever drew the map: affinities of the exact neighbours, all pairs.
"""

from __future__ import annotations

import argparse
import os

import numpy as np
import openTSNE
from engine import products
from harness import HISTORY, measure
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.nearest_neighbors import PrecomputedNeighbors

from embedlens.analysis.projection.gradient import ExactGradient
from embedlens.analysis.projection.items import graph_of, points_of
from embedlens.analysis.projection.maps import tsne, tsne_series

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
METRIC = "euclidean"


def evolving(n, dim, epochs, seed=0):
    """Yield embeddings float32 [n, dim] of each epoch, as the module says."""
    random = np.random.default_rng(seed)
    classes = n // 12
    y = np.arange(n) % classes
    families = random.normal(size=(40, dim))
    centre = (random.normal(size=(classes, dim)) + families[random.integers(0, 40, classes)])[y]
    scenes = random.normal(size=(30, dim))[random.integers(0, 30, n)]
    before = scenes + random.normal(size=(n, dim)) + 0.5 * centre
    after = centre + 1.6 * random.normal(size=(n, dim))
    pace = epochs * random.uniform(0.25, 0.7, classes)[y][:, None]
    for epoch in range(epochs):
        share = 1 - np.exp(-epoch / pace)
        z = (1 - share) * before + share * after + 0.15 * random.normal(size=(n, dim))
        yield z.astype(np.float32)


def peer(z):
    """Return openTSNE's map with its defaults."""
    return np.asarray(openTSNE.TSNE(metric="cosine", n_jobs=CORES, random_state=0).fit(z))


def divergences(z, maps):
    """Return the divergence of each map of the same embeddings: exact neighbours, all pairs."""
    graph = graph_of(points_of(z, None, central=False, rows=None), 90, metric=METRIC)
    index = PrecomputedNeighbors(graph.index, graph.distance)
    affinities = PerplexityBasedNN(perplexity=30, knn_index=index, n_jobs=CORES).P
    with ExactGradient(CORES) as exact:
        return [exact(np.asarray(one), affinities, should_eval_error=True)[0] for one in maps]


def one_map(options):
    z, _ = products(options.n, options.dim, 2.5)
    kept = {}

    def theirs():
        kept["theirs"] = peer(z)

    def ours():
        kept["ours"] = tsne(z, metric=METRIC)

    measure(
        "t-SNE map",
        f"{options.n:,} x {options.dim}",
        peer=("openTSNE, defaults", theirs),
        ours=ours,
        path="float32",
        repeats=options.repeats,
        history=None if options.no_history else HISTORY,
    )
    their, our = divergences(z, [kept["theirs"], kept["ours"].coordinates])
    print(f"  divergence: openTSNE {their:.4f}, embedlens {our:.4f}, ratio {our / their:.4f}")
    print(f"  as embedlens tells it: {kept['ours'].kl_divergence:.4f}")


def series(options):
    epochs = list(evolving(options.n, options.dim, options.epochs))
    kept = {}

    def theirs():
        kept["theirs"] = [peer(z) for z in epochs]

    def ours():
        kept["ours"] = list(tsne_series(epochs, metric=METRIC))

    def cold():
        kept["cold"] = [tsne(z, metric=METRIC) for z in epochs]

    size = f"{options.epochs} epochs of {options.n:,} x {options.dim}"
    history = None if options.no_history else HISTORY
    shared = {"path": "float32", "repeats": options.repeats, "history": history}
    measure("t-SNE series", size, peer=("openTSNE, each from scratch", theirs), ours=ours, **shared)
    if options.cold:
        measure("t-SNE series", size, peer=("embedlens, each from scratch", cold), ours=ours, **shared)
    ratios = []
    for number, (z, step, their) in enumerate(zip(epochs, kept["ours"], kept["theirs"], strict=True)):
        theirs_, ours_ = divergences(z, [their, step.projection.coordinates])
        ratios.append(ours_ / theirs_)
        print(
            f"  epoch {number:2}: {step.start:<10} kept {step.kept:.2f}, residual {step.residual:.2f},"
            f" {step.projection.iterations} iterations, gradient {step.projection.gradient:.1e},"
            f" divergence: openTSNE {theirs_:.3f}, embedlens {ours_:.3f}, ratio {ratios[-1]:.4f}"
        )
    print(f"  ratio of divergences: median {np.median(ratios):.4f}, worst {max(ratios):.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", action="store_true")
    parser.add_argument("--n", type=int)
    parser.add_argument("--dim", type=int)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--no-history", action="store_true")
    options = parser.parse_args()
    options.n = options.n or (4_000 if options.series else 8_000)
    options.dim = options.dim or (128 if options.series else 512)
    options.repeats = options.repeats or (1 if options.series else 3)
    small, _ = products(1_200, 16, 2.5)
    peer(small)
    tsne(small, metric=METRIC)
    (series if options.series else one_map)(options)


if __name__ == "__main__":
    main()
