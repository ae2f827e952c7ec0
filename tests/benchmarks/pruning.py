"""Recall@1 by all numbers of leading components, against one exact faiss search for each.

    python tests/benchmarks/pruning.py [--n 60502] [--dim 64] [--noise 1.2] [--repeats 3] [--no-history]

Data: as in engine.py. faiss gets the rotated, cut and normalised rows of each number of components and is
timed for `IndexFlatIP.add` and `search` with k = 2 (the item itself and its neighbour) alone; ours is timed
for all that `pruned_recall` does: normalising, the spectrum, the rotation, the pass. The recalls are compared
in the same run. All numbers take faiss minutes and are timed a third as often.
"""

from __future__ import annotations

import argparse

import faiss
import numpy as np
from engine import products
from harness import HISTORY, measure

from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.spectrum.values import spectrum
from embedlens.similarity.hardware import screen_type


def searched(turned, labels, dims):
    """Return R@1 by faiss, and the seconds' worth of work: one index and one search for each number."""
    counted = np.bincount(labels)[labels] > 1
    recalls = []
    for kept in dims:
        index = faiss.IndexFlatIP(kept)
        index.add(turned[kept])
        items = index.search(turned[kept], 2)[1]
        first = np.where(items[:, 0] == np.arange(labels.size), items[:, 1], items[:, 0])
        recalls.append(np.mean((labels[first] == labels)[counted]))
    return np.array(recalls)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=60_502)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--noise", type=float, default=1.2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-history", action="store_true")
    options = parser.parse_args()
    z, labels = products(options.n, options.dim, options.noise)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    rotated = unit @ spectrum(z).components.T.astype(np.float32)
    few = [size for size in (16, 32, 64) if size <= options.dim]
    every = list(range(1, options.dim + 1))
    turned = {d: rotated[:, :d] / np.linalg.norm(rotated[:, :d], axis=1, keepdims=True) for d in every}
    turned = {d: np.ascontiguousarray(rows) for d, rows in turned.items()}
    pruned_recall(z[:3000], labels[:3000])
    kept = {}

    def theirs(dims):
        kept["faiss"] = searched(turned, labels, dims)

    def ours(dims):
        kept["ours"] = pruned_recall(z, labels, dims)

    for name, dims in (("--dims " + ",".join(map(str, few[::-1])), few), ("--dims all", every)):
        measure(
            f"pca-prune {name}",
            f"{options.n:,} x {options.dim}, noise {options.noise:g}",
            peer=(f"faiss IndexFlatIP, {len(dims)} searches", lambda dims=dims: theirs(dims)),
            ours=lambda dims=dims: ours(dims),
            path="bfloat16" if dims is few and screen_type("cpu") == "bfloat16" else "float32",
            repeats=options.repeats if dims is few else max(1, options.repeats // 3),
            history=None if options.no_history else HISTORY,
        )
        beyond = np.array(dims) > 2  # by one or two components nearly all rows tie in float32
        difference = np.abs(kept["ours"].recall - kept["faiss"])[beyond].max()
        print(f"  largest difference of R@1 beyond two components: {difference:.1e}")
        print(f"  R@1 {kept['ours'].recall[-1]:.4f}")


if __name__ == "__main__":
    main()
