"""Options of single losses and methods, listed once."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def option(kind: Any, default: Any, text: str, *, flag: str | None = None, **more: Any) -> tuple[Any, Any]:
    """Return the type, with what the command line says of it, and the default of an option."""
    flags = [] if flag is None else [flag]
    return Annotated[kind, typer.Option(*flags, help=text, **more)], default


OF_LOSSES = {
    "order": option(int | None, None, "1 or 2: the order of ephn and epshn.", show_default="1"),
    "temperature": option(
        float | None, None, "Of ep, ephn, epshn, sct, hn, shn and nn.", show_default="0.1"
    ),
    "margin": option(
        float | None, None, "Of triplet, margin, contrastive and lifted.",
        show_default="0.2; 1 for the last two",
    ),
    "beta": option(float | None, None, "Of margin: where pairs part.", show_default="1.2"),
    "learn_beta": option(
        bool | None, None, "Of margin: learn beta.", show_default="fixed", flag="--learn-beta"
    ),
    "tau": option(float | None, None, "Of nn: the least similarity.", show_default="0.5"),
    "l2": option(
        float | None, None, "Weight of the norms in n-pair-mc, n-pair-ovo, tuplet.",
        show_default="0.002", flag="--l2",
    ),
    "normalize": option(
        bool | None, None, "Of lifted, n-pair-mc, n-pair-ovo, tuplet: scale embeddings to length 1.",
        show_default="as they are", flag="--normalize",
    ),
}  # fmt: skip
"""Options of single losses; what is not given is None."""

OF_METHODS = {
    "clusters": option(
        int | None, None, "Of divide-conquer: K, clusters and slices of the embedding.", show_default="4"
    ),
    "recluster": option(
        int | None, None, "Of divide-conquer: epochs between clusterings.", show_default="2"
    ),
    "finish": option(
        int | None, None, "Of divide-conquer: epochs at the end for the whole embedding.", show_default="0"
    ),
    "cluster_on": option(
        str | None, None, "Of divide-conquer: penultimate or embedding.", show_default="penultimate"
    ),
    "first_phase": option(int | None, None, "Of dvml: epochs of the first phase.", show_default="half"),
    "record_latent": option(
        bool | None, None, "Of dvml: record mu, sigma and z minus its class mean.", show_default="not",
        flag="--record-latent",
    ),
    "reconstruction_weight": option(
        float | None, None, "Of dvml: weight of the reconstruction.", show_default="1"
    ),
    "learners": option(int | None, None, "Of dreml: E, classifiers of meta-classes.", show_default="8"),
    "meta_classes": option(
        int | None, None, "Of dreml: M, groups of classes, and dims, of each learner.", show_default="8"
    ),
    "trunk": option(
        str | None, None, "Of dreml: own, a network a learner, or shared, one for all.", show_default="own"
    ),
    "heads": option(
        int | None, None, "Of hdc: K, heads at as many depths of the backbone.", show_default="3"
    ),
    "hard_shares": option(
        str | None, None, "Of hdc: the hardest share of pairs for each head.", show_default="1,0.5,0.2"
    ),
    "cascade": option(
        bool | None, None, "Of hdc: choose among the pairs that the head before kept.",
        show_default="of all pairs", flag="--cascade",
    ),
}  # fmt: skip
"""Options of single methods; what is not given is None."""
