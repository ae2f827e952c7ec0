"""Captions of spectra, components, pruning curves and t-SNE maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.captions.places import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

_CENTRED = "PCA of the centred embeddings"
_UNCENTRED = "SVD of the uncentred embeddings"


def spectrum(
    *,
    svd: bool = False,
    normalize: bool = True,
    log: bool = False,
    cumulative: bool = False,
    epochs: str = "",
    slices: int | None = None,
) -> str:
    """Return what a spectrum shows.

    Parameters
    ----------
    svd, normalize
        Whether the embeddings are uncentred, and normalised.
    log, cumulative
        Whether values are on a logarithmic scale, and whether their cumulative fraction is drawn.
    epochs
        How several epochs are drawn: "curves", "heatmap", or not at all.
    slices
        Number of slices; None: the whole embedding.
    """
    scale = " on a logarithmic scale" if log else ""
    value = (
        f"Cumulative fraction of {'sigma^2' if svd else 'the variance'} in the leading components{scale}"
        if cumulative
        else f"Singular values sigma / sqrt(N - 1), by component{scale}"
    )
    sentences = [f"{value}: {_decomposition(svd=svd, normalize=normalize)}."]
    if epochs == "heatmap":
        sentences.append("Rows are epochs; colours are the values.")
    elif epochs:
        sentences.append("One curve per epoch, coloured by epoch.")
    if slices is not None:
        sentences.append(
            f"One curve per slice of the embedding ({slices} slices); bars are R@1 of each slice alone, the "
            f"line R@1 of the first k slices concatenated, k from 1 to {slices}."
        )
    return " ".join(sentences)


def _decomposition(*, svd: bool, normalize: bool) -> str:
    return (_UNCENTRED if svd else _CENTRED) + (", normalised" if normalize else ", as stored")


def intra_class(classes: Sequence[int], *, normalize: bool = True) -> str:
    """Return what spectra within classes show, of some number of classes in each panel."""
    counts = listed(f"{count:,}" for count in dict.fromkeys(classes))
    return (
        f"Variance within each class ({counts} classes): eigenvalues of its covariance, descending, of the "
        f"embeddings {'normalised' if normalize else 'as stored'}; the thick line is their mean. Variation "
        "is the coefficient of variation of the total variance over the classes, similarity the mean cosine "
        "between their covariances, null what is expected if all classes had one covariance."
    )


def components(numbers: Sequence[int], *, svd: bool = False, normalize: bool = True) -> str:
    """Return what the values of items in components show.

    Parameters
    ----------
    numbers
        Numbers of the components, from 1.
    svd, normalize
        Whether the embeddings are uncentred, and normalised.
    """
    named = f"component{'s' if len(numbers) > 1 else ''} {listed(numbers)}"
    return (
        f"Each dot is an item: its value (z - mean) V in {named} (1 is the largest), by class from left to "
        f"right: {_decomposition(svd=svd, normalize=normalize)}. Neighbouring classes alternate in colour."
    )


def pruning(
    fits: Sequence[str],
    *,
    svd: bool = False,
    similarity: str = "cosine",
    center: bool = False,
    slices: int | None = None,
) -> str:
    """Return what curves of Recall@1 by number of components show.

    Parameters
    ----------
    fits
        Splits that the components were fitted on.
    svd, similarity, center
        Options of `analysis.pruning.pruned_recall`: the basis, the similarity, and centring.
    slices
        Number of slices, whose spectra stand beside the curves; None: the whole embedding alone.
    """
    basis = f"{_UNCENTRED if svd else _CENTRED} of the {listed(fits)} split{'s'[: len(fits) - 1]}"
    measure = "inner product" if similarity == "inner" else similarity
    centred = ", the mean subtracted" if center else ""
    text = (
        f"Recall@1 by {measure} when only the leading principal components are kept, against their number: "
        f"{basis}{centred}."
    )
    if slices is None:
        return text
    return f"{text} The same of each of {slices} slices of the embedding, beside the spectra of the slices."


def tsne(
    perplexities: Sequence[float],
    *,
    distance: str = "cosine",
    by: str = "class",
    series: bool = False,
    thumbnails: bool = False,
    synthesised: int | None = None,
    classes: str = "",
) -> str:
    """Return what a t-SNE map shows.

    Parameters
    ----------
    perplexities
        The perplexities of the maps.
    distance
        The distance: "cosine", or "Euclidean, class means subtracted".
    by
        What items are coloured by.
    series
        Whether each map starts from that of the epoch before.
    thumbnails
        Whether items are drawn as their pictures.
    synthesised
        Number of synthesised points; None: there are none.
    classes
        How many classes are mapped of all, where whole classes were drawn.
    """
    shown = "picture" if thumbnails else "dot"
    perplexity = listed(f"{value:g}" for value in dict.fromkeys(perplexities))
    sentences = [
        f"Map by t-SNE (distance: {distance}; perplexity {perplexity}): each {shown} is an item, coloured by "
        f"{by}."
    ]
    if classes:
        sentences.append(f"All items of {classes}, drawn at random.")
    if series:
        sentences.append("Each map starts from that of the epoch before and is aligned to it.")
    if synthesised is not None:
        sentences.append(
            f"Rings are {synthesised:,} synthesised points, crosses the class means in the embedding space."
        )
    return " ".join(sentences)


_DRIFT = {
    "overlap": "overlap is the fraction of the k nearest neighbours (cosine) of an item that both share",
    "cka": "linear CKA is 1 for spaces that are equal up to rotation and scale",
    "procrustes": "the Procrustes residual is the squared distance of the centred embeddings, scaled to "
    "Frobenius norm 1, after the best rotation (0: equal, 2: unrelated)",
    "angle": "the angle is the mean over items between their two positions, seen from the mean, after the "
    "rotation that aligns both spaces",
}


def drift(shown: str, scores: Sequence[str], *, normalize: bool = True) -> str:
    """Return what scores of pairs of snapshots show.

    Parameters
    ----------
    shown
        "epochs": heat maps of pairs of epochs; "runs": of pairs of runs; "last": lines against the last
        epoch.
    scores
        Names in `analysis.drift.SCORES`.
    normalize
        Whether embeddings are normalised before they are centred.
    """
    first = {
        "epochs": "Similarity of the embedding spaces of each pair of epochs; the diagonal is left out.",
        "runs": "Similarity of the embedding spaces of each pair of runs; the diagonal is left out.",
        "last": "Similarity of each epoch's embedding space to that of the last epoch compared of its run.",
    }[shown]
    text = "; ".join(_DRIFT[name] for name in scores)
    given = "" if normalize else " Embeddings are centred as stored."
    return f"{first} {text[0].upper()}{text[1:]}.{given}"
