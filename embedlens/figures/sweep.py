"""A score against the learning rate, by loss, with mean and spread over seeds."""

from __future__ import annotations
