"""The observed flow of the dots between two epochs: mean displacement by place on the scatter."""

from __future__ import annotations
