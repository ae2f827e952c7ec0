"""Captions of triplet scatters, flows, fields of losses, trajectories and distances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.captions.places import listed
from embedlens.moments import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_AXES = "cosine similarity to {positive} against that to {negative}"


def scatter(
    counts: Sequence[int],
    *,
    crowds: tuple[int, int],
    fixed: Mapping[str, Any] | None = None,
    galleries: Mapping[str, Mapping[str, str | None]] | None = None,
    enclosed: Sequence[float] = (),
    hidden: int = 0,
) -> str:
    """Return what a triplet scatter shows.

    Parameters
    ----------
    counts
        Number of dots of each panel.
    crowds
        Above which numbers of dots there are contours, and a histogram instead.
    fixed
        Run and epoch in which the triplets were chosen that are followed; None: each snapshot's own nearest.
    galleries
        Run -> split -> split in which positives and negatives are; None: the split itself.
    enclosed
        Fractions of the dots inside the contours; none: no contours are drawn.
    hidden
        Number of dots outside the axes.
    """
    sentences = [_dots(fixed), *_galleries(galleries or {})]
    contours, histograms = crowds
    if enclosed and any(contours < count <= histograms for count in counts):
        percent = listed(f"{fraction:.0%}".removesuffix("%") for fraction in sorted(enclosed))
        sentences.append(f"Contours hold {percent} % of the dots.")
    if any(count > histograms for count in counts):
        sentences.append("Colours are numbers of items per bin, on a logarithmic scale.")
    if hidden:
        sentences.append(f"{hidden:,} dots lie outside the axes.")
    return " ".join(sentences)


def _place(reference: Mapping[str, Any]) -> str:
    """Return run and epoch of a reference."""
    return f"{reference['run']} at {name_of(reference['epoch'])}"


def _dots(fixed: Mapping[str, Any] | None) -> str:
    """Return what a dot is."""
    if fixed:
        axes = _AXES.format(positive="its positive", negative="its negative")
        chosen = f"the nearest ones in {_place(fixed)}, followed everywhere"
        return f"Each dot is an item: {axes}, {chosen}."
    axes = _AXES.format(positive="its nearest positive", negative="its nearest negative")
    return f"Each dot is an item: {axes}; below the diagonal the nearest neighbour has the same class (R@1)."


def _galleries(galleries: Mapping[str, Mapping[str, str | None]]) -> list[str]:
    """Return where positives and negatives are, where it is another split."""
    found = {split for splits in galleries.values() for split in splits.values() if split is not None}
    if not found:
        return []
    return [f"Positives and negatives are items of the {listed(sorted(found))} split{'s'[: len(found) - 1]}."]


def animation() -> str:
    """Return what the frames of an animation are."""
    return "One frame per epoch."


def strip() -> str:
    """Return what the columns of a strip of epochs are."""
    return "One column per epoch."


def flow(minimum: int) -> str:
    """Return what the arrows of a flow are, each of a bin of at least `minimum` dots."""
    return (
        "Arrows are the mean displacement of the dots from the first to the last epoch shown, one per bin of "
        f"at least {minimum} dots, of the length that the key states; darker arrows are of more dots. Blue "
        "dots are the first epoch."
    )


def field(loss: str, angle: float) -> str:
    """Return what the arrows of the field of a loss are, at an angle of the planes in degrees."""
    return (
        f"Arrows are the direction in which a gradient step of the loss ({loss}) moves a dot at that place, "
        f"with {angle:g} degrees between the planes anchor-positive and anchor-negative; their grey is the "
        "speed, on a logarithmic scale."
    )


def trajectory(
    reference: Mapping[str, Any], *, anchors: str, seed: int | None = None, gallery: str | None = None
) -> str:
    """Return what the paths of single triplets show.

    Parameters
    ----------
    reference
        Run and epoch in which positives and negatives were chosen.
    anchors, seed
        How the anchors were chosen: "named", "drawn by seed", or by which criterion; and the seed.
    gallery
        The split in which positives and negatives are, where it is another one.
    """
    axes = _AXES.format(positive="its positive", negative="its negative")
    drawn = f"drawn at random (seed {seed})" if seed is not None else anchors
    sentences = [
        f"Each panel follows one anchor over the epochs: {axes}, the nearest ones in {_place(reference)}. "
        "Blue is the initial state; the ideal point is (1, 0).",
        f"Anchors: {drawn}.",
    ]
    if gallery is not None:
        sentences.append(f"Positives and negatives are items of the {gallery} split.")
    return " ".join(sentences)


def distances(
    reference: Mapping[str, Any],
    *,
    cumulative: bool,
    initial: str,
    differences: Sequence[tuple[str, str, float]],
) -> str:
    """Return what the distributions of the distance to the ideal point show.

    Parameters
    ----------
    reference
        Run and epoch in which the triplets of the paired comparison were chosen.
    cumulative
        Whether cumulative distributions are drawn, not histograms.
    initial
        Which initial states are drawn: "shared", in blue; "own", in the colour of each run; "" none.
    differences
        Of each comparison on these triplets the first state, the second, and the median difference.
    """
    kind = "Cumulative distributions" if cumulative else "Histograms"
    states = {"shared": "; blue is the initial state", "own": "; dashed curves are the initial states"}
    text = (
        f"{kind} of the distance of each item's (similarity to the nearest positive, similarity to the "
        f"nearest negative) to the ideal point (1, 0){states.get(initial, '')}."
    )
    if not differences:
        return text
    medians = [f"{value:+.3f} ({second} less {first})" for first, second, value in differences]
    return (
        f"{text} Median difference on the triplets of {reference['run']}, {name_of(reference['epoch'])}: "
        f"{listed(medians)}."
    )
