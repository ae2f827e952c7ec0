"""Seed figure: "which whale is it?": MAP@5 over the threshold of `new`, by neighbours and by a classifier.

The same as `embedlens identify first second --gallery train --unknown-class 24`, and with `--classifier`.
"""

import numpy as np

import embedlens
from embedlens.analysis.open_set.classifier import fit_classifier, rank_by_classifier
from embedlens.analysis.open_set.ranking import rank_labels
from embedlens.analysis.open_set.threshold import choose_halves
from embedlens.figures.open_set.ranking import figure
from embedlens.figures.style import paper
from embedlens.store.concat import join

NEW = 24


def main() -> None:
    random = np.random.default_rng(0)
    whale = np.repeat(np.arange(24 + 240), [40] * 24 + [1] * 240)  # 24 whales seen often, 240 seen once
    labels = np.minimum(whale, NEW)
    train = random.permutation(len(labels)) < len(labels) // 2
    parts = {}
    for name in ("first", "second"):  # two networks: centres and noise of their own
        z = random.normal(size=(264, 12))[whale] + 0.8 * random.normal(size=(len(whale), 12))
        with embedlens.Recorder(
            f"runs/{name}", labels={"train": labels[train], "test": labels[~train]}
        ) as recorder:
            recorder.record(0, {"train": z[train], "test": z[~train]})
        parts[name] = [recorder.run.snapshot(split).embeddings for split in ("train", "test")]
    parts["joined"] = [join(both, [0.5, 0.5]) for both in zip(*parts.values(), strict=True)]
    neighbours, classifiers = {}, {}
    for name, (known, items) in parts.items():
        gallery = known, labels[train]
        neighbours[name] = rank_labels(items, labels[~train], new_label=NEW, gallery=gallery)
        fitted = fit_classifier(*gallery, new_label=NEW)
        classifiers[name] = rank_by_classifier(fitted, items, labels[~train], new_label=NEW)
    for scores, rankings in (("similarity", neighbours), ("probability", classifiers)):
        choices = {name: choose_halves(ranking) for name, ranking in rankings.items()}
        sweeps = {name: ranking.sweep() for name, ranking in rankings.items()}
        print(scores, {name: round(choice.map_at_5, 4) for name, choice in choices.items()})
        with paper("cvpr"):
            figure(sweeps, choices=choices, scores=scores).savefig(f"identify-{scores}.pdf")


if __name__ == "__main__":
    main()
