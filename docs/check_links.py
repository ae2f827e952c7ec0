"""Checks the built documentation: internal links and anchors lead somewhere, and no page needs a network.

python docs/check_links.py docs/_build/html
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
_NO_STYLE = {"canonical", "search", "next", "prev", "index", "author", "copyright"}  # of <link rel=...>
_TEMPLATES = {"webpack-macros.html"}  # of the theme, no page


class _Page(HTMLParser):
    """Collects the anchors of a page, its links, and the files that it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element names."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.links.add(values["href"])
        if tag in _LOADED and values.get(_LOADED[tag]) and values.get("rel") not in _NO_STYLE:
            self.loaded.add(values[_LOADED[tag]])


def faults(root: Path) -> list[str]:
    """Return what is wrong with the pages below a folder, one line each."""
    pages = {}
    for path in sorted(root.rglob("*.html")):
        if path.name not in _TEMPLATES:
            pages[path.resolve()] = page = _Page()
            page.feed(path.read_text(encoding="utf-8"))
    found = []
    for path, page in pages.items():
        name = path.relative_to(root.resolve())
        found += [f"{name}: loads {one} from a network" for one in page.loaded if urlsplit(one).netloc]
        for one in page.links | page.loaded:
            parts = urlsplit(one)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                found.append(f"{name}: {one} leads nowhere")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{name}: {one} names no anchor")
    return sorted(found)


def main() -> None:
    """Print the faults; end with status 1 where there are any."""
    found = faults(Path(sys.argv[1]))
    print("\n".join(found) or "all links lead somewhere, and no page needs a network")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
