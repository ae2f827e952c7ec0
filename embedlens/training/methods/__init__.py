"""Methods by name: each owns what differs between ways of training; the trainer's loop is one and asks it."""

from embedlens.training.methods import divide_conquer, dvml, plain
from embedlens.training.methods.base import METHODS, Batch, Given, Method, build_method, method_options

__all__ = [
    "METHODS",
    "Batch",
    "Given",
    "Method",
    "build_method",
    "divide_conquer",
    "dvml",
    "method_options",
    "plain",
]
