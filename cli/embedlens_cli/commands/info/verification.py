"""The verification of the files of runs by `info --verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlens.store import Run

_LISTED = 10  # files that a message names


def verify_runs(runs: Mapping[str, Run]) -> dict[str, dict[str, Any]]:
    """Verify every file of runs, label -> run; return the numbers of files and those without a checksum.

    Raises
    ------
    InputError
        A damaged file; the message names those of all runs.
    """
    from embedlens.store.integrity import verify
    from embedlens_cli.common import console

    results = {label: verify(run) for label, run in runs.items()}
    damaged = [
        f"{runs[label].path / name} ({why})"
        for label, result in results.items()
        for name, why in result.damaged.items()
    ]
    if damaged:
        named = "; ".join(damaged[:_LISTED]) + ("; ..." if len(damaged) > _LISTED else "")
        count = console.count_text(len(damaged), "damaged file")
        message = f"{count}: {named}; put back copies, or record the run again"
        raise InputError(message)
    return {
        label: {"verified": result.n_verified, "without_checksum": result.unlisted}
        for label, result in results.items()
    }


def report(facts: Mapping[str, Any]) -> None:
    """Print what was verified of one run."""
    from embedlens_cli.common import console

    text = f"{console.count_text(facts['verified'], 'file')} as written"
    if facts["without_checksum"]:
        text += f"; {len(facts['without_checksum']):,} without a checksum (an earlier version's), readable"
    console.print_line(f"  files   {text}")
