"""Losses and miners as torch modules, built by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlens.lazy import attached

if TYPE_CHECKING:
    from embedlens.objectives.base import LOSSES, Loss, Setting
    from embedlens.objectives.easy_positive import EP, EPHN, EPSHN
    from embedlens.objectives.established import Angular, Lifted, NPairMC
    from embedlens.objectives.losses import build_loss
    from embedlens.objectives.miners import MINERS, Miner, build_miner
    from embedlens.objectives.proxies import ProxyNCA, Softmax
    from embedlens.objectives.selective import HN, SCT, SHN, NearestNeighbour
    from embedlens.objectives.triplet_losses import Contrastive, Margin, Triplet
    from embedlens.objectives.tuplets import NPairOVO, Tuplet

__all__ = [
    "EP",
    "EPHN",
    "EPSHN",
    "HN",
    "LOSSES",
    "MINERS",
    "SCT",
    "SHN",
    "Angular",
    "Contrastive",
    "Lifted",
    "Loss",
    "Margin",
    "Miner",
    "NPairMC",
    "NPairOVO",
    "NearestNeighbour",
    "ProxyNCA",
    "Setting",
    "Softmax",
    "Triplet",
    "Tuplet",
    "build_loss",
    "build_miner",
]

__getattr__, __dir__ = attached(
    __name__,
    __all__,
    {
        "base": ["Loss", "Setting"],
        "easy_positive": ["EP", "EPHN", "EPSHN"],
        "established": ["Angular", "Lifted", "NPairMC"],
        "losses": ["LOSSES", "build_loss"],
        "miners": ["MINERS", "Miner", "build_miner"],
        "proxies": ["ProxyNCA", "Softmax"],
        "selective": ["HN", "SCT", "SHN", "NearestNeighbour"],
        "triplet_losses": ["Contrastive", "Margin", "Triplet"],
        "tuplets": ["NPairOVO", "Tuplet"],
    },
)
