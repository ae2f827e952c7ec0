"""Divide and Conquer: every cluster of items is learnt by its own slice of the embedding.

Sanakoyeu, Tschernezki, Buechler & Ommer, "Divide and conquer the embedding space for metric learning", CVPR
2019. Clusters are matched to learners by the Hungarian method on their overlap, so that a learner keeps as
many of its items as can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import nn

from embedlens.errors import InputError, unknown
from embedlens.similarity.kmeans import kmeans
from embedlens.training.methods.base import (
    METHODS,
    Batch,
    EmbedAll,
    EmbedSplits,
    Method,
    MethodInputs,
    make_loss,
)
from embedlens.training.methods.slices import check_divides, check_whole, unit_slices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from embedlens.training.samplers import Embed, Sampler

CLUSTER_ON = ("penultimate", "embedding")


class SlicedNetwork(nn.Module):
    """A backbone and one linear layer per slice of the embedding.

    Parameters
    ----------
    features
        From inputs to features [B, width].
    width, dim, slices
        Dimensions of the features, of the embedding, and the number of its slices.
    """

    def __init__(self, features: nn.Module, *, width: int, dim: int, slices: int) -> None:
        super().__init__()
        self.features = features
        self.heads = nn.ModuleList([nn.Linear(width, dim // slices) for _ in range(slices)])

    def forward(self, inputs: torch.Tensor, learner: int | None = None) -> torch.Tensor:
        """Return the slice of one learner [B, dim / slices], or all slices concatenated [B, dim]."""
        features = self.features(inputs)
        if learner is not None:
            one: torch.Tensor = self.heads[learner](features)
            return one
        return torch.cat([head(features) for head in self.heads], dim=1)


@METHODS.register("divide-conquer")
class DivideConquer(Method):
    """K clusters of items, each learnt by one of K slices; batches alternate between clusters.

    Parameters
    ----------
    given
        Configuration, backbone and labels.
    clusters
        K; it must divide the dimensions D.
    recluster
        Epochs between clusterings.
    finish
        Epochs at the end in which the whole embedding [N, D] learns from all items.
    cluster_on
        "penultimate": the features under the embedding layer; "embedding".

    Attributes
    ----------
    clusters
        int64 [N]: the learner of each training item; -1 before the first clustering.

    Raises
    ------
    InputError
        K that does not divide D, or is larger than N; numbers out of range.
    """

    clusters: torch.Tensor
    partial = True

    def __init__(
        self,
        given: MethodInputs,
        *,
        clusters: int = 4,
        recluster: int = 2,
        finish: int = 0,
        cluster_on: str = "penultimate",
    ) -> None:
        super().__init__()
        dim = given.config.dim
        _check(clusters, recluster, finish, dim=dim, items=given.labels.size)
        if cluster_on not in CLUSTER_ON:
            raise unknown(cluster_on, "space to cluster on", CLUSTER_ON)
        self._given = given
        self._k, self._recluster, self._on = clusters, recluster, cluster_on
        self._warned = False
        self._divided = max(0, given.config.epochs - finish)
        backbone, self._slice = given.backbone, dim // clusters
        width = self._slice
        self.network = SlicedNetwork(backbone.module, width=backbone.width, dim=dim, slices=clusters)
        losses = [make_loss(given, width) for _ in range(clusters)]
        self.objective = nn.ModuleList([*losses, *([make_loss(given, dim)] if finish else [])])
        self.slices = [(start, start + width) for start in range(0, dim, width)]
        self.register_buffer("clusters", torch.full((given.labels.size,), -1, dtype=torch.int64))
        self._whole = given.config.build_sampler(given.labels)
        self.steps = self._whole.steps
        self.looks = self._whole.looks

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the concatenated normalised slices, [B, D]."""
        return unit_slices(self.network(inputs), self._slice)

    def begin(self, epoch: int, embed_all: EmbedAll) -> None:
        """Cluster the training items, every `recluster` epochs."""
        before = self.clusters.cpu().numpy()
        clustered = bool((before >= 0).all())  # a run of `finish` epochs alone that is extended is not
        if epoch > self._divided or (clustered and (epoch - 1) % self._recluster):
            return
        module: nn.Module = self.network.features if self._on == "penultimate" else self  # type: ignore[assignment]
        z = embed_all(module)
        z = np.where(z.any(axis=1, keepdims=True), z, np.float32(1))  # zeros have no direction
        found = kmeans(z, self._k, seed=(self._given.config.seed + epoch) % 2**31)
        labels = self._usable(found.labels, found.centroids, epoch)
        if clustered:
            labels = matched(before, labels, n_clusters=self._k)
        self.clusters.copy_(torch.from_numpy(labels))

    def _usable(
        self, clusters: NDArray[np.int64], centroids: NDArray[np.float32], epoch: int
    ) -> NDArray[np.int64]:
        """Merge clusters without two classes of two items into the nearest that has them; warn once."""
        y = self._given.labels
        good = [k for k in range(len(centroids)) if learnable(y[clusters == k])]
        if not good:
            self._warn(f"epoch {epoch}: no cluster has two classes of two items; one learner has all")
            return np.zeros_like(clusters)
        merged = clusters.copy()
        poor = [k for k in range(len(centroids)) if k not in good]
        for k in poor:
            distances = np.square(centroids[good] - centroids[k]).sum(axis=1)
            merged[clusters == k] = good[int(distances.argmin())]
        if poor:
            self._warn(
                f"epoch {epoch}: {len(poor)} of {len(centroids)} clusters have no two classes of two items; "
                "each joins its nearest, then and later"
            )
        return merged

    def _warn(self, message: str) -> None:
        """Report poor clusters to the user, the first time."""
        if not self._warned:
            self.messages.append(message)
        self._warned = True

    def batches(self, epoch: int, embed: Embed) -> Iterator[Batch]:
        """Yield batches of the learners in turn; in the last `finish` epochs batches of all items."""
        if epoch > self._divided:
            yield from (Batch(rows) for rows in self._whole.batches(epoch, embed))
            return
        clusters = self.clusters.cpu().numpy()
        members = {int(k): np.flatnonzero(clusters == k) for k in np.unique(clusters)}
        samplers: dict[int, Sampler] = {
            k: self._given.config.build_sampler(self._given.labels[rows]) for k, rows in members.items()
        }
        for step, k in enumerate(learners_of_steps(sorted(members), epoch, steps=self.steps)):
            rows = members[k]
            drawn = samplers[k].draw(epoch, step, lambda chosen, rows=rows: embed(rows[chosen]))
            yield Batch(rows[drawn], k)

    def loss(
        self, outputs: torch.Tensor, labels: torch.Tensor, learner: int | None
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss of a learner's normalised slice [B, D / K], or of the whole embedding [B, D]."""
        objective = self.objective[-1 if learner is None else learner]  # type: ignore[index]
        loss, logs = objective(unit_slices(outputs, self._slice), labels)
        return loss, logs

    def extras(
        self, embed_splits: EmbedSplits, labels: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, dict[str, NDArray[Any]]]:
        """Return the learner of each training item, once there are clusters."""
        clusters = self.clusters.cpu().numpy()
        return {"train": {"cluster": clusters}} if (clusters >= 0).all() else {}


def learners_of_steps(learners: Sequence[int], epoch: int, *, steps: int) -> list[int]:
    """Return the learner that each step of an epoch trains, of those that have items: they take turns.

    Turns go on from epoch to epoch, since an epoch may have fewer steps than there are learners.
    """
    first = (epoch - 1) * steps
    return [learners[turn % len(learners)] for turn in range(first, first + steps)]


def learnable(labels: NDArray[np.int64]) -> bool:
    """Return whether labels [N] have two classes of two items or more, which batches need."""
    return bool((np.unique(labels, return_counts=True)[1] > 1).sum() > 1)


def matched(before: NDArray[np.int64], after: NDArray[np.int64], *, n_clusters: int) -> NDArray[np.int64]:
    """Return clusters renumbered so that as many items as possible keep their number.

    Parameters
    ----------
    before, after
        int64 [N]: clusters, 0 to K - 1, before and after a clustering.
    n_clusters
        K.

    Returns
    -------
    ndarray
        int64 [N]: `after`, each cluster with the number before that the Hungarian method gives it for the
        largest overlap in all. The published code applies the inverse permutation, which for a cycle of
        three keeps no item at all.
    """
    overlap = np.zeros((n_clusters, n_clusters), dtype=np.int64)
    np.add.at(overlap, (after, before), 1)
    new, old = linear_sum_assignment(overlap, maximize=True)
    number = np.empty(n_clusters, dtype=np.int64)
    number[new] = old
    return number[after]


def _check(clusters: int, recluster: int, finish: int, *, dim: int, items: int) -> None:
    """Refuse options out of range."""
    check_whole("clusters", clusters, 1)
    check_whole("recluster", recluster, 1)
    check_whole("finish", finish, 0)
    check_divides(clusters, dim, name="clusters")
    if clusters > items:
        message = f"{clusters} clusters of {items} items; choose fewer"
        raise InputError(message)
