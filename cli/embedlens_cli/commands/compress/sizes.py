"""Sizes of codes that the dims of a run allow, and the split that codes are fitted on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from embedlens.errors import InputError
from embedlens_cli.common import console

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embedlens.analysis.compression import CodeOptions
    from embedlens.store import Run


def options_of(run: Run, chosen: CodeOptions) -> CodeOptions:
    """Return the options with the numbers that a run's dims allow; the others are named.

    Where none is allowed, the run is refused.
    """
    dim, given = run.info.dim, chosen
    if dim is None:
        return chosen
    for name, typed, allowed in (
        ("dims", chosen.dims, lambda number: number <= dim),
        ("subquantizers", chosen.subquantizers, lambda number: dim % number == 0),
    ):
        kept = _kept(run, "--dims" if name == "dims" else "--pq-m", typed, allowed)
        given = replace(given, **{name: kept})  # type: ignore[arg-type]
    return given


def _kept(
    run: Run, option: str, typed: Sequence[int] | None, allowed: Callable[[int], bool]
) -> tuple[int, ...] | None:
    """Return the numbers of an option that are allowed."""
    kept = tuple(number for number in typed or () if allowed(number))
    skipped = ", ".join(str(number) for number in typed or () if not allowed(number))
    if typed and not kept:
        rule = "divides" if option == "--pq-m" else "is within"
        message = f"no number of {option} {skipped} {rule} the {run.info.dim} dims of run {run.name!r}"
        raise InputError(message)
    if skipped:
        console.print_message(f"run {run.name!r} has {run.info.dim} dims; {option} skipped: {skipped}")
    return kept or None


def print_own_fits(runs: Sequence[Run], chosen: CodeOptions, fit: str | None) -> None:
    """Print which runs have no training split to fit codes on."""
    from embedlens.analysis.compression.kinds import FITTED

    if fit is None and (chosen.names is None or FITTED & set(chosen.names)):
        for run in runs:
            if "train" not in run.splits:
                console.print_message(
                    f"run {run.name!r} has no train split; codes are fitted on the split itself, which is "
                    "optimistically biased"
                )
