"""The analytic field of a loss: where one gradient step moves the dot of a triplet."""

from __future__ import annotations
