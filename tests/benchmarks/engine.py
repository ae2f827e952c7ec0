"""Nearest positive and negative, and Recall@K, against faiss's exact search, IndexFlatIP.

    python tests/benchmarks/engine.py [--n 60502] [--dim 512] [--noise 2.5] [--float32] [--repeats 3]
    [--no-history]

Data: N items of N / 5.35 classes, as in the test split of Stanford Online Products: class centres around one
of 400 Gaussian centres each, plus Gaussian noise, whose size sets how hard retrieval is (2.5: R@1 about 0.8;
4: 0.15). faiss gets unit rows and is timed for `add` and `search` alone, with k = 16 (who looks for a
positive and a negative needs some neighbours) and k = 1001 (R@1000 without the item itself). Ours gets the
rows as a snapshot holds them, and is timed for everything: normalising, screening, resolving. The answers are
compared in the same run.
"""

from __future__ import annotations

import argparse
import resource

import faiss
import numpy as np
from harness import HISTORY, measure

from embedlens.similarity import search
from embedlens.similarity.hardware import screen_type

KS = (1, 10, 100, 1000)


def products(n, dim, noise, seed=0):
    """Embeddings float32 [n, dim], as the module says, and their labels."""
    random = np.random.default_rng(seed)
    classes = max(2, int(n / 5.35))
    labels = random.permutation(np.arange(n) % classes)
    centres = (
        random.standard_normal((classes, dim))
        + random.standard_normal((400, dim))[random.integers(0, 400, classes)]
    )
    z = centres[labels] + noise * random.standard_normal((n, dim))
    return z.astype(np.float32), labels


def compare(found, values, items, labels):
    """Return the largest difference to faiss's nearest neighbour, and the share of items that agree."""
    ours = np.fmax(found.positive.similarity, found.negative.similarity)
    index = np.where(
        found.negative.similarity >= np.nan_to_num(found.positive.similarity, nan=-2.0),
        found.negative.index,
        found.positive.index,
    )
    rows = np.arange(labels.size)
    first = np.where(items[:, 0] == rows, 1, 0)
    return np.abs(values[rows, first] - ours).max(), np.mean(items[rows, first] == index)


def recall(items, labels):
    """Return Recall@K of faiss's neighbours, each item itself left out."""
    counted = np.bincount(labels)[labels] > 1
    others = items != np.arange(labels.size)[:, None]
    right = (labels[items] == labels[:, None]) & others
    place = np.cumsum(others, axis=1)
    first = np.where(right.any(axis=1), place[np.arange(labels.size), right.argmax(axis=1)], 10**9)
    return {k: float(np.mean(first[counted] <= k)) for k in KS}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=60_502)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--noise", type=float, default=2.5)
    parser.add_argument("--float32", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-history", action="store_true")
    options = parser.parse_args()
    z, labels = products(options.n, options.dim, options.noise)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    dtype = "float32" if options.float32 else screen_type("cpu")
    kept = {}

    def theirs(k):
        index = faiss.IndexFlatIP(options.dim)
        index.add(unit)
        kept["faiss"] = index.search(unit, k)

    def ours(cutoffs):
        kept["ours"] = search(z, labels, cutoffs=cutoffs, dtype=dtype)

    search(z[:3000], labels[:3000], cutoffs=KS, dtype=dtype)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for cutoffs in ((), KS):
        ours(cutoffs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"peak memory beyond embeddings and warm-up: {peak / 2**20:.2f} GiB")
    size = f"{options.n:,} x {options.dim}, noise {options.noise:g}"
    for name, k, cutoffs in (("nearest positive and negative", 16, ()), ("R@{1,10,100,1000}", 1001, KS)):
        measure(
            name,
            size,
            peer=(f"faiss IndexFlatIP, k = {k}", lambda k=k: theirs(k)),
            ours=lambda cutoffs=cutoffs: ours(cutoffs),
            path=str(dtype).removeprefix("torch."),
            repeats=options.repeats,
            history=None if options.no_history else HISTORY,
        )
        difference, same = compare(kept["ours"], *kept["faiss"], labels)
        print(f"  largest difference to faiss   {difference:.1e}; the same nearest item for {same:.5%}")
    counted = kept["ours"].n_positives > 0
    mine = {k: float(np.mean(kept["ours"].rank[counted] < k)) for k in KS}
    print(f"  recall, ours  {mine}\n  recall, faiss {recall(kept['faiss'][1], labels)}")


if __name__ == "__main__":
    main()
