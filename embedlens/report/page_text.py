"""The page of a report: one HTML file that holds its styles, its program and its data."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib import resources
from typing import TYPE_CHECKING

from embedlens.report.encoding import Blocks
from embedlens.report.header import ThumbnailOptions, header_of

if TYPE_CHECKING:
    from embedlens.report.data import ReportData

MODULES = (
    "data",
    "state",
    "index",
    "gl",
    "canvas",
    "scatter",
    "cards",
    "tables",
    "selection",
    "export",
    "views",
    "differences",
    "main",
)
"""The modules of the page's program, each after those that it imports from."""
_IMPORT = re.compile(r"^import\s[^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export\s+(?=(?:async\s+)?(?:function|class|const|let)\b)", re.MULTILINE)


def build_page(data: ReportData, thumbnails: ThumbnailOptions | None = None) -> str:
    """Return the page of a report as HTML.

    It needs no server and no network. Its content security policy allows its own program and styles, known by
    their hashes, and nothing else. All that comes from the data stands in blocks that are no program, and is
    shown as text.

    Parameters
    ----------
    data
        What to show.
    thumbnails
        How many thumbnails it holds, and how large; None: the default.
    """
    blocks = Blocks()
    header = header_of(data, blocks, thumbnails or ThumbnailOptions())
    style, program = _read("page.css"), program_text()
    stored = [("header", json.dumps(header, allow_nan=False)), *blocks.texts.items()]
    parts = {
        "policy": (
            "default-src 'none'; img-src data: blob:; "
            f"script-src {_hash(program)}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
        ),
        "title": html.escape(data.title),
        "style": style,
        "program": program,
        # "<" would end the element that holds a text; JSON may write it as a number
        "data": "\n".join(
            f'<script type="text/plain" id="{name}">{text.replace("<", chr(92) + "u003c")}</script>'
            for name, text in stored
        ),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _read("page.html"))


def program_text() -> str:
    """Return the modules of the page as one program."""
    texts = [_EXPORT.sub("", _IMPORT.sub("", _read(f"{name}.js"))) for name in MODULES]
    return "\n".join(texts)


def _read(name: str) -> str:
    return (resources.files("embedlens.report") / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
