"""Methods by name: each owns what differs between ways of training; the trainer's loop is one and asks it."""

from embedlens.training.methods import divide_conquer, dreml, dvml, hdc, plain
from embedlens.training.methods.base import (
    METHODS,
    Batch,
    Given,
    Method,
    build_method,
    check_method,
    method_options,
    usual_dim,
    usual_loss,
)

__all__ = [
    "METHODS",
    "Batch",
    "Given",
    "Method",
    "build_method",
    "check_method",
    "divide_conquer",
    "dreml",
    "dvml",
    "hdc",
    "method_options",
    "plain",
    "usual_dim",
    "usual_loss",
]
