"""Losses and miners as torch modules, built by name."""

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
