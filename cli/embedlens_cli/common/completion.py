"""What the shell completes: names of runs, splits and epochs, and the words that options take.

The words are listed here, so that neither help nor completion imports what they name; tests compare them with
the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from embedlens.store import Run

    Completer = Callable[[Any, str], list[str]]

LOSSES = (
    "contrastive", "triplet", "margin", "lifted", "angular", "proxy-nca", "softmax", "n-pair-mc",
    "n-pair-ovo", "tuplet", "ep", "ephn", "epshn", "sct", "hn", "shn", "nn",
)  # fmt: skip
FIELDS = ("contrastive", "ep", "ephn", "epshn", "n-pair-mc", "triplet")
"""Losses whose field is drawn."""
METHODS = ("plain", "divide-conquer", "dvml", "dreml", "hdc")
PRESETS = ("quick", "published")
"""Ways to train the methods of a comparison."""
MINING = ("all", "random", "hard", "semi-hard", "semi-hard-range", "distance-weighted", "easy-positive")
SAMPLERS = ("pk", "n-pair", "tuplet", "hard-class")
SCHEDULERS = ("processes", "dask", "slurm", "slurm-local")
DATA = (
    "glyphs", "digits", "cub200", "cars196", "sop", "inshop", "lfw", "fashion-mnist", "folder", "csv",
)  # fmt: skip
METRICS = (
    "recall", "recall_at_K", "r_precision", "map_at_r", "map_at_5", "knn_accuracy", "nmi", "f1", "ami",
    "alignment", "uniformity", "pi_intra", "pi_inter", "pi_ratio", "effective_rank", "rho", "mean_similarity",
    "hubness", "nc1", "nc2_norms", "nc2_angles", "nc2_max_angles", "lidar", "alpha", "intrinsic_dim_twonn",
    "intrinsic_dim_mle", "tolerance", "opis", "threshold_spread", "far_spread", "tar_spread",
)  # fmt: skip
METRIC_GROUPS = ("neural_collapse", "dimension", "threshold_consistency")
CODES = ("dims", "pca", "int8", "binary", "rescored", "pq")
"""Codes of compressed embeddings."""
DRIFT = ("overlap", "cka", "procrustes", "angle")
"""Scores of pairs of snapshots."""
EXPORTS = ("anndata", "csv", "hdf5", "npz", "parquet", "projector", "safetensors", "zarr")
"""Formats of exports."""
VENUES = ("aaai", "cvpr", "eccv", "iccv", "iclr", "icml", "jmlr", "nature", "neurips", "tmlr")


def text_of(words: Iterable[str], last: str = "or") -> str:
    """Return words as help texts list them: a, b or c."""
    *before, final = words
    return f"{', '.join(before)} {last} {final}"


def one_of(*words: str) -> Completer:
    """Return what completes one of some words."""
    return lambda ctx, incomplete: [word for word in words if word.startswith(incomplete)]


def some_of(*words: str) -> Completer:
    """Return what completes comma-separated words, each once."""
    return lambda ctx, incomplete: _after_commas(words, incomplete)


def scores(*more: str) -> Completer:
    """Return what completes comma-separated scores; Recall@K with a K in common use."""
    names = [name.replace("_K", f"_{k}") for name in METRICS for k in ((1, 10) if "_K" in name else (0,))]
    return some_of(*names, *more)


def runs(incomplete: str) -> list[str]:
    """Return the names of runs that begin so."""
    from embedlens.errors import InputError
    from embedlens.selection import run_names

    try:
        return [name for name in run_names() if name.startswith(incomplete)]
    except InputError:  # of an address that cannot be reached
        return []


def named_runs(ctx: Any, incomplete: str) -> list[str]:
    """Return the runs of the command line that begin so."""
    return [name for name in _typed_runs(ctx) if name.startswith(incomplete)]


def splits(*more: str, several: bool = False) -> Completer:
    """Return what completes splits of the runs of the command line, or one of `more` words."""
    return _of_runs(lambda run: run.splits, more, several=several)


def epochs(*more: str, several: bool = False) -> Completer:
    """Return what completes epochs of the runs of the command line, or one of `more` words."""
    return _of_runs(lambda run: map(str, run.epochs()), more, several=several)


def item_columns(ctx: Any, incomplete: str) -> list[str]:
    """Return the columns of items.csv of the runs of the command line that begin so."""
    columns = _common(
        ctx, lambda run: dict.fromkeys(name for split in run.splits for name in run.items(split))
    )
    return [name for name in columns if name.startswith(incomplete)]


def log_columns(ctx: Any, incomplete: str) -> list[str]:
    """Return what completes columns of the logs of runs, and scores."""
    columns = _common(ctx, lambda run: (name for row in run.log[:1] for name in row))
    return [*dict.fromkeys([*_after_commas(columns, incomplete), *scores()(ctx, incomplete)])]


def _of_runs(read: Callable[[Run], Iterable[str]], more: Iterable[str], *, several: bool) -> Completer:
    def complete(ctx: Any, incomplete: str) -> list[str]:
        words = [*("" if "," in incomplete else more), *_common(ctx, read)]
        return (some_of if several else one_of)(*words)(ctx, incomplete)

    return complete


def _after_commas(words: Iterable[str], incomplete: str) -> list[str]:
    """Return lists with each word after the last comma, but for those that the list has already."""
    before, comma, word = incomplete.rpartition(",")
    left = [one for one in words if one.startswith(word) and one not in before.split(",")]
    return [f"{before}{comma}{one}" for one in left]


def _typed_runs(ctx: Any) -> list[str]:
    """Return the runs typed before the cursor, and those of an option that is not complete yet."""
    return [*(ctx.params.get("runs") or ()), *ctx.args]


def _common(ctx: Any, read: Callable[[Run], Iterable[str]]) -> list[str]:
    """Return what all runs of the command line have; where none is typed, what any run has."""
    from embedlens.errors import InputError
    from embedlens.selection import run_names, runs_folder
    from embedlens.store import open_run

    typed = _typed_runs(ctx)
    found: list[list[str]] = []
    for name in typed or run_names():
        for path in (name, runs_folder() / name):
            try:
                found.append(list(read(open_run(path))))
                break
            except InputError:
                continue
    every = dict.fromkeys(word for words in found for word in words)
    if not typed:
        return list(every)
    return [word for word in every if all(word in words for words in found)]
