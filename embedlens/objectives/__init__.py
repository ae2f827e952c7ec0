"""Losses and mining: plain torch modules, chosen by name."""

from embedlens.objectives.easy_positive import EP, EPHN, EPSHN
from embedlens.objectives.established import Contrastive, NPairMC, Triplet
from embedlens.objectives.losses import LOSSES, Loss, build_loss

__all__ = ["EP", "EPHN", "EPSHN", "LOSSES", "Contrastive", "Loss", "NPairMC", "Triplet", "build_loss"]
