"""Names, docstrings, help and messages use the terms of the field: words that must not come back."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FORBIDDEN = {
    r"furthest": "farthest",
    r"usual(ly)?": "default",
    r"remarks?": "warning, message",
    r"told|tells?|telling": "reports, shows, distinguishes",
    r"so many": "number of",
    r"persons?": "the user, or leave it out",
    r"chunks?|pieces?": "slice",
    r"crowded": "ambiguous",
    r"surveys?|surveyed": "search",
    r"settle[ds]?|settling": "resolve",
    r"picks?|picked": "selects, selected",
    r"dealt|flew|anew": "permuted, diverged, again",
    r"drawn together|flatters|in the mean(?=[,.;]|$)": "contracted; optimistically biased; mean",
    r"foreign|wish(es)?": "of other programs; options",
    r"our fault|cannot be had|mend": "internal error; is not available; fix",
    r"go(es)? on with": "resumes",
    r"(one|a) row an? (run|item|epoch|split|class)|once an epoch": "one row per run, once per epoch",
    r"shares? (of|below|above)": "fraction of",
}
"""Pattern of a word -> what to write instead."""

EXCEPTIONS = {
    "crowded rows float64": "the sidecar's text stays",
    "cosine of chunks as stored": "the sidecar's text stays",
    "cumulative share of sigma^2": "the sidecar's text stays",
    "identifying a person of interest": "the title of a paper",
    "person re-identification": "the name of the field, and the title of a paper",
    "settle": "a key of sidecars",
    "chunk": "a column of CSV files",
    "chunks": "a column of CSV files and a key of JSON answers",
    "picked": "a name of --show",
    "losses, sphere, distances, picked, nonzero": "a name of --show",
    "--show picked": "a name of --show",
    "picked ": "the gid of an artist, which SVG files have",
    "usual": "a former spelling of an option",
}
"""Text in which a word stays -> why. A short one must be the whole text."""

NAMES = {
    "settle_iter": "an option of tsne",
    "settle-iter": "an option of tsne",
}
"""Names of options that users and run.json have; they stay wherever they occur."""

FILES = {
    "embedlens/training/datasets/lfw.py": frozenset({"person", "persons"}),  # a data set of persons
    "embedlens/objectives/miners.py": frozenset({"furthest"}),  # an option of distance-weighted mining
    "embedlens/figures/triplets/density.py": frozenset({"chunk"}),  # a name of contourpy
    "docs/guides/datasets.md": frozenset({"person", "persons"}),
    "docs/guides/leaving_out.md": frozenset({"person"}),  # re-identification
    "docs/references.md": frozenset({"person"}),  # titles of papers
    "docs/guides/mining.md": frozenset({"furthest"}),
    "docs/guides/troubleshooting.md": frozenset({"furthest"}),
}
"""File -> words that it may use."""

WORD = re.compile("|".join(rf"(?<![a-z])(?:{pattern})(?![a-z])" for pattern in FORBIDDEN), re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def texts_of(source):
    """Yield (line, text) of every string and every name in a Python file; names with blanks between words."""
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 1)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield line, node.value
        for field in ("name", "id", "arg", "attr", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str) and name not in NAMES:
                yield line, _CAMEL.sub(" ", name).replace("_", " ")


@cache
def found_in(text, allowed=frozenset()):
    """The forbidden words of a text, but for the exceptions."""
    if text in EXCEPTIONS or not WORD.search(text):
        return []
    for kept in (*(one for one in EXCEPTIONS if " " in one.strip()), *NAMES):
        text = text.replace(kept, "")
    return [match[0] for match in WORD.finditer(text) if match[0].lower() not in allowed]


def python_files():
    return [path for room in ("embedlens", "cli", "examples") for path in sorted((ROOT / room).rglob("*.py"))]


def test_code_uses_the_words_of_the_field():
    wrong = []
    for path in python_files():
        name = path.relative_to(ROOT).as_posix()
        for line, text in texts_of(path.read_text(encoding="utf-8")):
            wrong += [f"{name}:{line}: {word}" for word in found_in(text, FILES.get(name, frozenset()))]
    assert not wrong, "\n".join(wrong)


def pages():
    """The README, the pages of the documentation that are written by hand, and the text of the gallery."""
    generated = ("_build", "gallery", "commands", "python", "work")
    documents = [
        path for path in sorted((ROOT / "docs").rglob("*.md")) if not set(generated) & set(path.parts)
    ]
    return [ROOT / "README.md", *documents, *sorted((ROOT / "examples").rglob("*.py"))]


def test_pages_use_the_words_of_the_field():
    wrong = []
    for path in pages():
        name = path.relative_to(ROOT).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if path.suffix == ".md" or line.startswith("#"):
                allowed = FILES.get(name, frozenset())
                wrong += [f"{name}:{number}: {word}" for word in found_in(line, allowed)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('def furthest_item():\n    """Return what a person picks."""', {"furthest", "person", "picks"}),
        ("class TellsAll:\n    chunk_size = 3", {"Tells", "chunk"}),
        ('x = f"{n} pieces, settled"', {"pieces", "settled"}),
        ('x = {"settle": 1, "chunk": 2}\ny = options.settle_iter', set()),
        ('"""Shards, a shared telltale and a pieced quilt."""', set()),
    ],
)
def test_words_are_found_in_strings_and_names(source, words):
    assert {word for _, text in texts_of(source) for word in found_in(text)} == words
