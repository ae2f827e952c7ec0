"""Options of the fixed batches on which `curves --monitor` measures losses."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from embedlens_cli.common.option_groups import changed


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """The fixed batches of --monitor."""

    batches: Annotated[int, typer.Option(help="With --monitor: number of batches.", min=1)] = 32
    classes_per_batch: Annotated[int, typer.Option(help="With --monitor: P of a batch.", min=2)] = 16
    items_per_class: Annotated[
        int, typer.Option(help="With --monitor: K of a batch, unless the loss prescribes it.", min=2)
    ] = 4
    batch_seed: Annotated[int, typer.Option(help="With --monitor: seed of the batches.", min=0)] = 0
    normalize: Annotated[
        bool,
        typer.Option(
            "--normalize/--no-normalize", help="With --monitor: scale embeddings to length 1 first."
        ),
    ] = False

    @property
    def facts(self) -> dict[str, Any]:
        """What a sidecar says of them."""
        return {name.removeprefix("batch_"): value for name, value in asdict(self).items()}

    @property
    def words(self) -> list[str]:
        """What a file name says of them: whatever is not the default."""
        values = {name.removeprefix("batch_"): value for name, value in changed(self).items()}
        return [name if value is True else f"{name}_{value}" for name, value in values.items()]
