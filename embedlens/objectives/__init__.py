"""Losses and mining: plain torch modules, chosen by name."""

from embedlens.objectives.easy_positive import EPHN, EPSHN
from embedlens.objectives.established import Contrastive, NPairMC, Triplet
from embedlens.objectives.losses import LOSSES, Loss, build_loss

__all__ = ["EPHN", "EPSHN", "LOSSES", "Contrastive", "Loss", "NPairMC", "Triplet", "build_loss"]
