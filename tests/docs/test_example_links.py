"""Links of the documentation to example scripts: to files that exist, and to pages when it is built."""

from __future__ import annotations

import importlib.util
import re

from message_templates import ROOT

DOCS = ROOT / "docs"
spec = importlib.util.spec_from_file_location("example_links", DOCS / "extensions/example_links.py")
example_links = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example_links)


def test_relative_links_of_the_pages_lead_to_files():
    """As read in a clone; pages that are made when the documentation is built are linked by their scripts."""
    dead = []
    for page in DOCS.rglob("*.md"):
        if {"_build", "gallery", "work"} & set(page.relative_to(DOCS).parts):
            continue
        for link in re.findall(r"\]\((\.{0,2}[\w/.-]+)(?:#[\w-]*)?\)", page.read_text(encoding="utf-8")):
            made = link.startswith(("commands/", "python/")) or "/commands/" in link or "/python/" in link
            if not made and not (page.parent / link).exists():
                dead.append(f"{page.relative_to(ROOT)}: {link}")
    assert not dead, "\n".join(dead)


def test_links_to_scripts_become_links_to_pages():
    text = "[a](../../examples/maps/tsne.py), [b](../examples), [c](../examples/a/b.py), [d](e.md)"
    assert example_links.with_pages(text) == (
        "[a](../gallery/maps/tsne.rst), [b](gallery/index.rst), [c](gallery/a/b.rst), [d](e.md)"
    )
