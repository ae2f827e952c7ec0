"""Training methods by name; the trainer's loop is the same for all."""

from embedlens.training.methods import divide_conquer, dreml, dvml, hdc, plain
from embedlens.training.methods.base import (
    METHODS,
    Batch,
    Method,
    MethodInputs,
    build_method,
    check_method,
    default_dim,
    default_loss,
    method_options,
)

__all__ = [
    "METHODS",
    "Batch",
    "MethodInputs",
    "Method",
    "build_method",
    "check_method",
    "divide_conquer",
    "dreml",
    "dvml",
    "hdc",
    "method_options",
    "plain",
    "default_dim",
    "default_loss",
]
