"""
Identification with unknown classes
===================================

Which whale is it, or is it one that nobody has seen before? ``identify`` ranks the known classes for
every item, and assigns it to the unknown class below a threshold of similarity.

.. code-block:: sh

   embedlens identify first second --gallery train --unknown-class 24 --choose-on halves

The same from Python, with neighbours and with a classifier on the embeddings. The data are synthetic: 24
whales that are seen often, and 240 that are seen once and count as unknown (class 24)."""

import numpy as np

import embedlens
from embedlens.analysis.open_set.classifier import fit_classifier, rank_by_classifier
from embedlens.analysis.open_set.ranking import rank_labels
from embedlens.analysis.open_set.threshold import choose_halves
from embedlens.figures.open_set.ranking import figure
from embedlens.figures.style import paper
from embedlens.store.concat import join

NEW = 24

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
neighbours, classifiers, drawn = {}, {}, []
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
        drawn.append(figure(sweeps, choices=choices, scores=scores))
        drawn[-1].savefig(f"identify-{scores}.pdf")

# %%
# How to read it
# --------------
#
# - The curve is the mean average precision at 5 (MAP@5) for every threshold below which the unknown class
#   is put first. At the left nothing is called unknown, at the right everything is.
# - The marks are the thresholds of the two halves, and the scores that they give.
# - *joined* is the ensemble of both runs: the unit embeddings side by side.
#
# When it misleads
# ----------------
#
# - A threshold that is chosen on the items that it is judged on is optimistically biased. ``--choose-on
#   halves`` judges each half of the items by the threshold of the other half, as here.
# - The score depends on the fraction of unknown items. Say how many there are.
# - Items of the unknown class need not be alike, so nothing can be learnt of them: they leave the gallery.
#
# Options
# -------
#
# ``--classifier`` ranks by a softmax classifier, ``--choose-on`` says where the threshold is chosen,
# ``--no-joined`` leaves the ensemble out. See the :doc:`command line reference
# </reference/commands/identify>`.
#
# Formula
# -------
#
# With the ranked list of labels :math:`(l_1, \ldots, l_5)` of an item, each label at its first appearance,
#
# .. math::
#
#    \mathrm{MAP@5} = \frac{1}{N} \sum_a \sum_{i=1}^{5} \frac{[l_i = y_a]}{i}.
#
# It is the measure of the Kaggle competition *Humpback Whale Identification* (2018).
