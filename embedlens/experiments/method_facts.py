"""Options in which the training of several runs differs, or is not the default."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from embedlens.experiments.checkpoints.recorded import shown_method
from embedlens.training.config import TrainConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def differing_options(recorded: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return of each run the options that are not the defaults of the training, or differ between the runs.

    Parameters
    ----------
    recorded
        What each run's run.json says of its method; names that the trainer does not know stay.
    """
    defaults = json.loads(json.dumps(asdict(TrainConfig())))
    recorded = [shown_method(method) for method in recorded]
    names = {name for method in recorded for name in method}
    same = {name for name in names if all(method.get(name) == recorded[0].get(name) for method in recorded)}
    return [
        {
            name: value
            for name, value in method.items()
            if name not in same or name not in defaults or value != defaults[name] or name == "loss"
        }
        for method in recorded
    ]
