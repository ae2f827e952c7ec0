"""Links to example scripts become links to the pages that are made of them."""

from __future__ import annotations

import re
from typing import Any

_LINK = re.compile(r"\]\(((?:\.\./)*)\.\./examples(?:/(\w+)/(\w+)\.py)?\)")


def with_pages(text: str) -> str:
    """Return Markdown with links to pages of the gallery instead of scripts of `examples/`."""

    def page(link: re.Match[str]) -> str:
        up, section, name = link.groups()
        return f"]({up}gallery/{f'{section}/{name}' if section else 'index'}.rst)"

    return _LINK.sub(page, text)


def _on_read(app: Any, name: str, source: list[str]) -> None:
    source[0] = with_pages(source[0])


def setup(app: Any) -> dict[str, bool]:
    """Register the change of links; Sphinx calls this."""
    app.connect("source-read", _on_read)
    return {"parallel_read_safe": True}
