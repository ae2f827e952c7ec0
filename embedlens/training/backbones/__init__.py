"""Backbones by name: what turns an item into features, with an embedding layer on top."""

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
