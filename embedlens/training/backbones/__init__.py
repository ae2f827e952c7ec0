"""Backbones by name: networks from items to features, below an embedding layer."""

from embedlens.training.backbones import features, small, timm_network
from embedlens.training.backbones.base import (
    BACKBONES,
    Backbone,
    EmbeddingNetwork,
    Stages,
    build_backbone,
    check_backbone,
)

__all__ = [
    "BACKBONES",
    "Backbone",
    "EmbeddingNetwork",
    "Stages",
    "build_backbone",
    "check_backbone",
    "features",
    "small",
    "timm_network",
]
