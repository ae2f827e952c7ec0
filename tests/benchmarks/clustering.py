"""k-means of `embedlens.analysis.retrieval` against faiss.Kmeans alone, with the same settings and seed.

    python tests/benchmarks/clustering.py [--full] [--float32] [--iterations 25] [--repeats 3] [--no-history]

Data: unit vectors of K classes, one Gaussian centre a class plus Gaussian noise of the same length, both with
variance 1 / (1 + j / 8) along coordinate j (the spectrum of trained embeddings decays, too), N items with
classes drawn at random; NMI about 0.93. 20,000 x 512 with K = 3,741; with `--full` 60,502 x 512 with
K = 11,316, the size of the test split of Stanford Online Products. faiss is timed for `train` only, ours also
for the final labels. Either stops early where it finds a fixed point. Measure on an idle machine: faiss's
threads wait for each other busily, and suffer more from neighbours than ours.
"""

from __future__ import annotations

import argparse

import faiss
import numpy as np
import torch
from harness import HISTORY, measure

from embedlens.analysis.retrieval.clustering import clustering_scores, kmeans


def class_structured(n, classes, dim, seed=0):
    """Unit vectors float32 [n, dim], as the module says, and their labels."""
    random = np.random.default_rng(seed)
    scale = (1 / np.sqrt(1 + np.arange(dim) / 8)).astype(np.float32)
    labels = random.integers(0, classes, n)
    centres = random.standard_normal((classes, dim), dtype=np.float32) * scale
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = random.standard_normal((n, dim), dtype=np.float32)
    noise *= scale / np.sqrt((scale**2).sum())
    z = centres[labels] + noise
    return z / np.linalg.norm(z, axis=1, keepdims=True), labels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--float32", action="store_true")
    parser.add_argument("--iterations", type=int, default=25)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-history", action="store_true")
    options = parser.parse_args()
    n, k = (60_502, 11_316) if options.full else (20_000, 3_741)
    z, labels = class_structured(n, k, 512)
    dtype = torch.float32 if options.float32 else None
    found = {}

    def theirs(rows=z, clusters=k, iterations=options.iterations):
        found["faiss"] = faiss.Kmeans(
            512, clusters, niter=iterations, nredo=1, seed=1234, min_points_per_centroid=1,
            max_points_per_centroid=len(rows),
        )  # fmt: skip
        found["faiss"].train(rows)

    def ours(rows=z, clusters=k, iterations=options.iterations):
        found["ours"] = kmeans(rows, clusters, iterations=iterations, _dtype=dtype)

    for warm_up in (theirs, ours):
        warm_up(z[:3000], 200, 2)
    measure(
        f"kmeans, {options.iterations} iterations",
        f"{n:,} x 512, K = {k:,}",
        peer=(f"faiss.Kmeans {faiss.__version__}", theirs),
        ours=ours,
        path=found["ours"].screen,
        repeats=options.repeats,
        history=None if options.no_history else HISTORY,
    )
    distance, assigned = found["faiss"].index.search(z, 1)
    inertia = float(distance.sum(dtype=np.float64))
    print(f"  iterations that faiss ran       {len(found['faiss'].obj)}")
    print(f"  inertia, ours over faiss's     {found['ours'].inertia / inertia:.8f}")
    print(f"  items in the same cluster      {np.mean(assigned[:, 0] == found['ours'].labels):.6f}")
    for name, clusters in (("faiss", assigned[:, 0]), ("ours", found["ours"].labels)):
        print(f"  scores, {name:<22} {clustering_scores(labels, clusters).summary()}")


if __name__ == "__main__":
    main()
