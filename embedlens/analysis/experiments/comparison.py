"""Comparison of training methods over seeds: means, deviations, and gains over the plain form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedlens.analysis.differences.hits import recall_interval
from embedlens.analysis.statistics.intervals import RESAMPLES
from embedlens.errors import InputError
from embedlens.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from embedlens.analysis.differences.hits import Hits
    from embedlens.analysis.statistics.intervals import Interval


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RunScores(Result):
    """The scores of one run.

    Attributes
    ----------
    name
        Name of the method and loss; runs of one name differ only in their seed.
    group
        Group within which names are compared, such as the loss.
    seed
        Seed of the run.
    scores
        Metric -> score of its embeddings [N, D]; empty if the run failed.
    plain
        Whether this is the baseline of its group.
    hits
        Which of its anchors count for R@1, for the interval of the difference; None: no interval.
    """

    name: str
    group: str
    seed: int
    scores: Mapping[str, float]
    plain: bool = False
    hits: Hits | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison(Result):
    """Scores of embeddings [N, D] by name, seed and metric.

    Attributes
    ----------
    names, groups
        Name and group of each row, str [n], in the order of the entries.
    metrics
        Names of the scores, str [m].
    seeds
        int64 [s], ascending.
    scores
        float64 [n, s, m]; NaN where there is no such run, or it failed, or the score is NaN or infinite.
    plain
        int64 [n]: row of the baseline of each; its own row for a baseline, -1 if there is none.
    differences
        Of each row, the difference in R@1 from its baseline over the seeds that both have, with its bootstrap
        interval; None of a baseline, and where there is none, or no hits.
    """

    names: NDArray[np.str_]
    groups: NDArray[np.str_]
    metrics: NDArray[np.str_]
    seeds: NDArray[np.int64]
    scores: NDArray[np.float64]
    plain: NDArray[np.int64]
    differences: tuple[Interval | None, ...] = ()

    @property
    def baselines(self) -> list[str]:
        """Name of the baseline of each row; empty of a baseline, and where there is none."""
        rows = range(self.names.size)
        return [
            str(self.names[p]) if p not in (-1, row) else "" for row, p in zip(rows, self.plain, strict=True)
        ]

    @property
    def verdicts(self) -> list[str]:
        """Of each row "better" or "worse" than its baseline, where the interval of R@1 excludes 0.

        Else "undecided"; empty where there is no difference.
        """
        return [verdict(one) for one in self.differences or [None] * self.names.size]

    @property
    def n(self) -> NDArray[np.int64]:
        """Number of seeds with a score of any metric, int64 [n]."""
        return np.asarray(self._scored().sum(axis=1), dtype=np.int64)

    @property
    def missing(self) -> NDArray[np.int64]:
        """Number of these seeds whose score is NaN or infinite and left out of the mean, int64 [n, m]."""
        odd = self._scored()[:, :, None] & np.isnan(self.scores)
        return np.asarray(odd.sum(axis=1), dtype=np.int64)

    @property
    def n_gains(self) -> NDArray[np.int64]:
        """Number of seeds in the mean gain, int64 [n, m]."""
        return np.asarray((~np.isnan(self._gains())).sum(axis=1), dtype=np.int64)

    def _scored(self) -> NDArray[np.bool_]:
        """Which seeds have a score, bool [n, s]."""
        return np.asarray(~np.isnan(self.scores).all(axis=2), dtype=np.bool_)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over the seeds that have scores, float64 [n, m]; NaN where none has."""
        return _mean(self.scores)

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Sample standard deviation over these seeds (divisor: number - 1), float64 [n, m]; NaN of one."""
        return _deviation(self.scores)

    @property
    def gain(self) -> NDArray[np.float64]:
        """Mean difference to the score of the baseline over the seeds that both have, float64 [n, m]."""
        return _mean(self._gains())

    @property
    def gain_deviation(self) -> NDArray[np.float64]:
        """Sample standard deviation of these differences, seed by seed, float64 [n, m]."""
        return _deviation(self._gains())

    def _gains(self) -> NDArray[np.float64]:
        gains = self.scores - self.scores[self.plain]
        compared = (self.plain >= 0) & (self.plain != np.arange(self.plain.size))
        return np.where(compared[:, None, None], gains, np.nan)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the numbers by column, one row for each name and seed."""
        n, s, _ = self.scores.shape
        found: dict[str, NDArray[Any]] = {
            "name": np.repeat(self.names, s), "group": np.repeat(self.groups, s),
            "seed": np.tile(self.seeds, n),
        }  # fmt: skip
        for k, metric in enumerate(self.metrics.tolist()):
            found[metric] = self.scores[:, :, k].ravel()
            for kind in ("mean", "deviation", "gain", "gain_deviation"):
                found[f"{metric}_{kind}"] = np.repeat(getattr(self, kind)[:, k], s)
        if any(self.differences):
            ends = [
                (np.nan,) * 3 if one is None else (one.value, one.low, one.high) for one in self.differences
            ]
            names = ("difference", "difference_low", "difference_high")
            found["baseline"] = np.repeat(self.baselines, s)
            found |= {
                name: np.repeat(column, s) for name, column in zip(names, np.transpose(ends), strict=True)
            }
            found["verdict"] = np.repeat(self.verdicts, s)
        return found

    def by_name(self) -> dict[str, dict[str, Any]]:
        """Return number of seeds, means, deviations and gains: name -> metric -> kind -> number."""
        kinds = {kind: getattr(self, kind) for kind in ("mean", "deviation", "gain", "gain_deviation")}
        numbers: dict[str, dict[str, Any]] = {}
        for row, name in enumerate(self.names.tolist()):
            numbers[name] = {"seeds": int(self.n[row])}
            for k, metric in enumerate(self.metrics.tolist()):
                numbers[name][metric] = {kind: float(values[row, k]) for kind, values in kinds.items()}
                if self.missing[row, k]:
                    numbers[name][metric]["missing"] = int(self.missing[row, k])
        for row, one in enumerate(self.differences):
            if one is not None:
                said = {"baseline": self.baselines[row], "verdict": self.verdicts[row]}
                numbers[self.names[row]]["difference"] = said | one.summary()
        return numbers


def verdict(difference: Interval | None) -> str:
    """Return "better" or "worse" where the interval excludes 0, else "undecided"; empty without one."""
    if difference is None:
        return ""
    return "better" if difference.low > 0 else "worse" if difference.high < 0 else "undecided"


def compare(entries: Iterable[RunScores], *, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Arrange the scores of runs by name and seed.

    Parameters
    ----------
    entries
        The scores of the embeddings [N, D] of each run, and which of their anchors count for R@1.
    resamples, seed
        Number of resamples and seed of the bootstrap.

    Raises
    ------
    InputError
        No entries with scores, two of one name and seed, runs with different metrics, or whose anchors are
        not of the same items.

    Notes
    -----
    The interval of the difference in R@1 resamples seeds, in pairs, and classes; of one seed classes alone
    (`embedlens.analysis.differences.recall_interval`).
    """
    given = list(entries)
    scored = [entry for entry in given if entry.scores]
    if not scored:
        message = "no run has scores; nothing can be compared"
        raise InputError(message)
    metrics = list(scored[0].scores)
    names = list(dict.fromkeys(entry.name for entry in given))
    seeds = sorted({entry.seed for entry in given})
    scores = np.full((len(names), len(seeds), len(metrics)), np.nan)
    seen = set()
    for entry in given:
        place = names.index(entry.name), seeds.index(entry.seed)
        if place in seen:
            message = f"{entry.name!r} has two runs of seed {entry.seed}; one is compared"
            raise InputError(message)
        seen.add(place)
        if entry.scores and list(entry.scores) != metrics:
            message = f"{entry.name!r} has the scores {', '.join(entry.scores)}, not {', '.join(metrics)}"
            raise InputError(message)
        if entry.scores:
            values = np.array(list(entry.scores.values()), np.float64)
            scores[place] = np.where(np.isfinite(values), values, np.nan)
    first = {entry.name: entry for entry in reversed(given)}
    plain = {entry.group: names.index(entry.name) for entry in given if entry.plain}
    rows = [plain.get(first[name].group, -1) for name in names]
    hits = {(entry.name, entry.seed): entry.hits for entry in given if entry.hits is not None}
    differences = [
        None
        if at == -1 or names[at] == name
        else _difference(hits, (names[at], name), seeds, resamples, seed)
        for name, at in zip(names, rows, strict=True)
    ]
    return Comparison(
        np.array(names),
        np.array([first[name].group for name in names]),
        np.array(metrics),
        np.array(seeds, dtype=np.int64),
        scores,
        np.array(rows, dtype=np.int64),
        tuple(differences),
    )


def _difference(
    hits: Mapping[tuple[str, int], Hits],
    names: tuple[str, str],
    seeds: Sequence[int],
    resamples: int,
    seed: int,
) -> Interval | None:
    """Return the difference in R@1 of two names, second less first, over the seeds that both have."""
    both = [one for one in seeds if all((name, one) in hits for name in names)]
    if not both:
        return None
    first, second = ([hits[name, one] for one in both] for name in names)
    return recall_interval(first, second, paired=True, resamples=resamples, seed=seed)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over axis 1, NaN left out; NaN if there is no number."""
    count = np.sum(~np.isnan(values), axis=1)
    return np.where(count > 0, np.nansum(values, axis=1) / np.maximum(count, 1), np.nan)


def _deviation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sample standard deviation over axis 1, NaN left out; NaN of fewer than two numbers."""
    count = np.sum(~np.isnan(values), axis=1)
    squares = np.nansum(np.square(values - _mean(values)[:, None]), axis=1)
    return np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan)
