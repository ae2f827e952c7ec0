"""Options of single losses and methods, listed once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from embedlens_cli.common import completion


def option(kind: Any, default: Any, text: str, *, flag: str | None = None, **more: Any) -> tuple[Any, Any]:
    """Return the annotated type and the default of an option."""
    flags = [] if flag is None else [flag]
    return Annotated[kind, typer.Option(*flags, help=text, **more)], default


OF_LOSSES = {
    "order": option(int | None, None, "Order of ephn and epshn: 1 or 2.", show_default="1"),
    "temperature": option(
        float | None, None, "Temperature of ep, ephn, epshn, sct, hn, shn and nn.",
        show_default="0.1"
    ),
    "margin": option(
        float | None, None, "Margin of triplet, margin, contrastive and lifted.",
        show_default="0.2; 1 for the last two",
    ),
    "beta": option(float | None, None, "Boundary beta between positive and negative pairs, of margin.",
        show_default="1.2",
   ),
    "learn_beta": option(
        bool | None, None, "Learn beta of margin.", show_default="fixed", flag="--learn-beta"
    ),
    "tau": option(float | None, None, "Similarity tau from which pairs count, of nn.", show_default="0.5"),
    "l2": option(
        float | None, None, "Weight of the norms in n-pair-mc, n-pair-ovo, tuplet.",
        show_default="0.002", flag="--l2",
    ),
    "normalize": option(
        bool | None, None, "Normalise embeddings in lifted, n-pair-mc, n-pair-ovo and tuplet.",
        show_default="not normalised", flag="--normalize",
    ),
}  # fmt: skip
"""Options of single losses; what is not given is None."""

OF_METHODS = {
    "clusters": option(
        int | None, None, "With divide-conquer: K, clusters and slices of the embedding.", show_default="4"
    ),
    "recluster": option(
        int | None, None, "With divide-conquer: epochs between clusterings.", show_default="2"
    ),
    "finish": option(
        int | None, None, "With divide-conquer: epochs at the end for the whole embedding.", show_default="0"
    ),
    "cluster_on": option(
        str | None, None, "With divide-conquer: layer that is clustered, penultimate or embedding.",
        show_default="penultimate", autocompletion=completion.one_of("penultimate", "embedding"),
    ),
    "first_phase": option(int | None, None, "With dvml: epochs of the first phase.", show_default="half"),
    "record_latent": option(
        bool | None, None, "With dvml: record mu, sigma and z minus its class mean.",
        show_default="not recorded", flag="--record-latent",
    ),
    "kl_weight": option(
        str | None, None, "With dvml: weight of the KL divergence; two numbers: one for each phase.",
        show_default="1,0.8",
    ),
    "reconstruction_weight": option(
        str | None, None, "With dvml: weight of the reconstruction, also by phase.", show_default="1"
    ),
    "synthesised_weight": option(
        str | None, None, "With dvml: weight of the metric loss of z_I + z_V, also by phase.",
        show_default="0.1,0.2",
    ),
    "invariant_weight": option(
        str | None, None, "With dvml: weight of the metric loss of z_I, also by phase.", show_default="1,0.8"
    ),
    "samples": option(int | None, None, "With dvml: T, samples of z_V per item.", show_default="20"),
    "metric_reduction": option(
        str | None, None, "With dvml: sum or mean of the metric losses over the triplets.",
        show_default="sum of triplet and margin, mean of others",
        autocompletion=completion.one_of("sum", "mean"),
    ),
    "relative_reconstruction": option(
        bool | None, None, "With dvml: divide the reconstruction by the mean squared norm of the features.",
        show_default="if the backbone is not pretrained",
        flag="--relative-reconstruction/--absolute-reconstruction",
    ),
    "normalize_features": option(
        bool | None, None, "With dvml: batch-normalise the features before the heads.",
        show_default="not normalised, as published", flag="--normalize-features",
    ),
    "learners": option(int | None, None, "With dreml: E, classifiers of meta-classes.", show_default="8"),
    "meta_classes": option(
        int | None, None, "With dreml: M, groups of classes, and dims, of each learner.", show_default="8"
    ),
    "trunk": option(
        str | None, None, "With dreml: one network per learner (own) or one for all (shared).",
        show_default="own", autocompletion=completion.one_of("own", "shared"),
    ),
    "heads": option(
        int | None, None, "With hdc: K, heads at as many depths of the backbone.", show_default="3"
    ),
    "hard_shares": option(
        str | None, None, "With hdc: fraction of the hardest pairs for each head.", show_default="1,0.5,0.2"
    ),
    "cascade": option(
        bool | None, None, "With hdc: select among the pairs that the head before kept.",
        show_default="among all pairs", flag="--cascade",
    ),
    "negative_weight": option(
        float | None, None, "With hdc: weight of the loss of negative pairs.", show_default="10"
    ),
}  # fmt: skip
"""Options of single methods; what is not given is None."""
