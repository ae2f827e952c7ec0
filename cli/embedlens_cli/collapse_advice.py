"""What to try where training has drawn the space together, by what the run trains with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.objectives.losses import loss_class

if TYPE_CHECKING:
    from embedlens.training.config import TrainConfig

_SOFTER_LOSS = {"ephn": "epshn", "hn": "shn"}
_SOFTER_MINING = {"hard": "semi-hard"}


def advice(config: TrainConfig) -> str:
    """Return what to try instead of a configuration: never what it has already.

    The hardest negatives draw a space together at too large a rate; where they are mined, their semi-hard
    kin is named. Whoever mines semi-hard ones already, or none, is left with the rate.
    """
    rate = f"a lower --lr (now {config.lr:g})"
    loss = loss_class(config.loss)
    mining = config.mining or loss.usual_mining
    options = config.mining_options
    softer = _SOFTER_LOSS.get(config.loss)
    if softer is not None:
        return f"try semi-hard negatives (--loss {softer}), or {rate}"
    if mining == "easy-positive" and options.get("negative", "semi-hard") == "hard":
        return f'try semi-hard negatives (--mining-options \'{{"negative": "semi-hard"}}\'), or {rate}'
    if mining in _SOFTER_MINING:
        return f"try semi-hard negatives (--mining {_SOFTER_MINING[mining]}), or {rate}"
    return f"try {rate}"
