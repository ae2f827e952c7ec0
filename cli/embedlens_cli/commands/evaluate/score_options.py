"""Options of `evaluate` that change what a score means."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from embedlens.errors import InputError
from embedlens_cli.common import completion, options
from embedlens_cli.common.option_groups import changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlens.analysis.scores import ScoreSettings
    from embedlens.store import Run


_FILE_WORDS = {"unknown_threshold": "new-threshold", "unknown_class": "new-label"}
"""What file names call options of another name."""


_LONGEST = 60  # letters of a file name that the metrics may take


def metrics_word(text: str) -> str:
    """Return the part of file names for the metrics; a long list ends with a digest, so that it is unique."""
    joined = "+".join(options.words(text))
    if len(joined) <= _LONGEST:
        return joined
    return f"{joined[: _LONGEST - 9]}-{hashlib.sha256(joined.encode()).hexdigest()[:8]}"


def _range(text: str) -> tuple[int, int]:
    """Return the first and last number of a range FIRST-LAST."""
    first, dash, last = text.partition("-")
    if not (dash and first.strip().isdecimal() and last.strip().isdecimal() and 1 <= int(first) < int(last)):
        message = f"--alpha-range {text!r}; two numbers are needed, the second larger, e.g. 11-500"
        raise InputError(message)
    return int(first), int(last)


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """Options that change what a score means; log.csv holds scores of the default options alone."""

    gallery: Annotated[
        str | None,
        typer.Option(
            help="Split to search; none: the split itself.",
            show_default="what the run names",
            autocompletion=completion.splits("none"),
        ),
    ] = None
    knn: Annotated[int, typer.Option(help="k of knn_accuracy.", min=1)] = 10
    weighted: Annotated[
        bool, typer.Option("--weighted", help="Neighbours vote with their similarity in knn_accuracy.")
    ] = False
    macro: Annotated[
        bool, typer.Option("--macro", help="Average r_precision and map_at_r over classes, not items.")
    ] = False
    unknown_threshold: Annotated[
        float | None,
        typer.Option(help="Similarity below which map_at_5 ranks the unknown class.", min=-1, max=1),
    ] = None
    unknown_class: options.UnknownClass = None
    kmeans_seeds: Annotated[
        str, typer.Option(help="Seeds of k-means, comma-separated; several: mean and standard deviation.")
    ] = "1234"
    rho_k: Annotated[
        int, typer.Option(help="k of rho, which leaves out the k - 1 largest values.", min=1)
    ] = 1
    id_k: Annotated[int, typer.Option("--id-k", help="Number of neighbours of intrinsic_dim_mle.", min=2)] = (
        20
    )
    alpha_range: Annotated[
        str, typer.Option(help="First and last eigenvalue that alpha is fitted to.", metavar="FIRST-LAST")
    ] = "11-500"
    spread_far: Annotated[
        float,
        typer.Option(help="False accept rate of threshold_spread, far_spread and tar_spread.", min=0, max=1),
    ] = 0.01
    slices: options.Slices = None

    def settings(self, ks: str) -> ScoreSettings:
        """Return the settings of the scores with the K of recall."""
        from embedlens.analysis.scores import RECALL_PRESETS, ScoreSettings

        allowed = f"numbers, or one of: {', '.join(RECALL_PRESETS)}, separated by commas"
        return ScoreSettings(
            ks=RECALL_PRESETS.get(ks) or options.numbers(ks, "ks", allowed=allowed),
            knn=self.knn,
            weighted=self.weighted,
            macro=self.macro,
            new_threshold=self.unknown_threshold,
            seeds=options.numbers(self.kmeans_seeds, "kmeans-seeds"),
            rho_k=self.rho_k,
            id_k=self.id_k,
            alpha_range=_range(self.alpha_range),
            spread_far=self.spread_far,
        )

    def settings_of(self, run: Run, settings: ScoreSettings, metrics: Sequence[str]) -> ScoreSettings:
        """Return settings with the label that a run gives the class that counts as new."""
        from dataclasses import replace

        from embedlens.selection import label_of_class

        if self.unknown_class is None:
            return settings
        if "map_at_5" not in metrics:
            message = (
                "--unknown-class is for map_at_5, which is not requested; add --metrics map_at_5, or leave "
                "the class out by --ignore-label"
            )
            raise InputError(message)
        return replace(settings, new_label=label_of_class(run, self.unknown_class, run.splits))

    @property
    def words(self) -> list[str]:
        """Part of file names."""
        words = {
            _FILE_WORDS.get(name, name.replace("_", "-")): value for name, value in changed(self).items()
        }
        return [name if value is True else f"{name}-{value}" for name, value in words.items()]
