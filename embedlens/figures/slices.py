"""An embedding as equal chunks: each by itself, and as they are added one by one."""

from __future__ import annotations
