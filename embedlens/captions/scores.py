"""Captions of verification, open-set identification, training curves, sampling, sweeps and comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.captions.places import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_X = {
    "epoch": "the epoch",
    "step": "the optimiser step",
    "seconds": "training time in seconds",
    "lr": "the learning rate",
    "dim": "the dimensions of the embedding",
}
_PANELS = {
    "losses": "losses of a pair against its distance",
    "sphere": "density of the distance between random points on the unit sphere",
    "distances": "distances of positive and negative pairs beside that density",
    "picked": "distances from anchors to the negatives that mining selects",
    "nonzero": "fraction of active triplets (loss above 0) by epoch",
    "noise": "variability of the direction of the noisy gradient against the distance",
}


def roc(sources: Sequence[str], folds: Sequence[int]) -> str:
    """Return what an ROC of pairs shows: where the pairs come from, and in how many folds."""
    return (
        "ROC of the verification of pairs by cosine similarity: true accept rate (TAR) against false accept "
        f"rate (FAR). Pairs: {listed(dict.fromkeys(sources))}, in {listed(dict.fromkeys(folds))} folds."
    )


def dir_at_far(far: float, draws: int, gallery: Sequence[int]) -> str:
    """Return what DIR against FAR shows: the rate marked, the number of draws, and the gallery's items."""
    items = listed(f"{count:,}" for count in dict.fromkeys(gallery))
    return (
        "Open-set identification: detection and identification rate (DIR) against false accept rate (FAR), "
        f"mean over {draws} draws, bands of one standard error; the legend has DIR at FAR {far:g}. Galleries "
        f"hold one item of each known class ({items} items); probes are all other items."
    )


def thresholds(far: float, classes: Sequence[int]) -> str:
    """Return what the figure of threshold consistency shows: the rate, and the numbers of classes."""
    counts = listed(f"{count:,}" for count in dict.fromkeys(classes))
    return (
        "Threshold consistency of classes with two items or more. First panel: utility (harmonic mean of TAR "
        "and 1 - FAR) of thresholds of the distance at which all pairs have FAR 0.01 to 0.1; lines are means "
        f"over {counts} classes, bands hold 90 % of them. Second panel: fraction of classes whose own "
        f"threshold at FAR {far:g} is at most that distance; vertical lines mark that of all pairs."
    )


def ranking(*, unknown: str = "", classifier: bool = False, chosen_on: str | None = None) -> str:
    """Return what MAP@5 against the threshold of the unknown class shows.

    Parameters
    ----------
    unknown
        The class that counts as unknown, where one is named.
    classifier
        Whether classes are ranked by a classifier, not by neighbours.
    chosen_on
        On which items the threshold was selected; None: on the same.
    """
    score = "the classifier's probability" if classifier else "cosine similarity to the gallery"
    called = f"class {unknown} counts as unknown" if unknown else "classes outside the gallery are unknown"
    where = {
        None: "on the same items (optimistically biased)",
        "halves": "on each half of the items for the other",
    }.get(chosen_on, f"on the {chosen_on} split")
    return (
        f"MAP@5 against the threshold on {score} below which an item is assigned to the unknown class; "
        f"{called}. The threshold that is marked was selected {where}."
    )


def curves(labels: Sequence[str], *, x: str, bands: Mapping[str, int]) -> str:
    """Return what training curves show.

    Parameters
    ----------
    labels
        What the panels are called.
    x
        What stands on the x axis: "epoch", "step" or "seconds".
    bands
        Group of seeds -> number of its runs, where means and deviations are drawn.
    """
    text = f"{_sentence(listed(dict.fromkeys(labels)))} against {_X[x]}."
    if not bands:
        return text
    groups = listed(f"{name} ({count} runs)" for name, count in bands.items())
    return f"{text} Lines are means and bands one sample standard deviation over the seeds of {groups}."


def sampling(panels: Sequence[str], *, strategies: Sequence[str], pairs: str = "", batches: str = "") -> str:
    """Return what the panels of sampling show.

    Parameters
    ----------
    panels
        Names of the panels.
    strategies
        The mining strategies.
    pairs
        How many pairs were measured.
    batches
        What was mined.
    """
    text = f"{_sentence('; '.join(_PANELS[name] for name in panels))}."
    if batches:
        text += f" Mining: {listed(strategies)}, on {batches}."
    return f"{text} Pairs: {pairs}." if pairs else text


def sweep(label: str, facts: Mapping[str, Any], *, axis: str, losses: Sequence[str], seeds: int) -> str:
    """Return what the scores of a sweep show.

    Parameters
    ----------
    label
        The score.
    facts
        "data", "epoch", "split" and "n", the number of items that are scored.
    axis
        What varies: "lr", "dim" or "loss".
    losses
        The losses.
    seeds
        Number of seeds.
    """
    end = f"at epoch {facts['epoch']}"
    spread = f", mean and sample standard deviation of {seeds} seeds" if seeds > 1 else ""
    if axis == "loss":
        text = f"{_sentence(label)} of each loss at epoch 0 and {end}{spread}"
    else:
        text = f"{_sentence(label)} {end} against {_X[axis]}{spread}; one line per loss"
    return f"{text}: {listed(losses)}. Runs on {facts['data']}, {facts['split']} split, n = {facts['n']:,}."


def comparison(labels: Sequence[str], facts: Mapping[str, Any], *, names: Sequence[str]) -> str:
    """Return what the comparison of losses and methods shows.

    Parameters
    ----------
    labels
        The scores.
    facts
        "data", "epoch" in words, "split", "seeds", "n", the number of items that are scored, and
        "intervals": the number of seeds of an interval of the difference, 0 where none is drawn.
    names
        What is compared.
    """
    seeds = facts["seeds"]
    drawn = ""
    if facts["intervals"]:
        what = "seeds and classes" if facts["intervals"] > 1 else "classes (of one seed)"
        drawn = (
            "The second panel has the difference in R@1 from the loss alone with its 95 % bootstrap interval "
            f"over {what}, filled where it excludes 0. "
        )
    return (
        f"{_sentence(listed(labels))} of {listed(names)}. Small dots are seeds ({listed(seeds)}), diamonds "
        "and bars their mean and sample standard deviation; the dotted line is the mean of the loss alone. "
        f"{drawn}Runs on {facts['data']}, {facts['split']} split, {facts['epoch']}, n = {facts['n']:,}."
    )


def _sentence(text: str) -> str:
    """Return a text that begins with a capital letter, where its first word is one of ours."""
    return text[:1].upper() + text[1:]
