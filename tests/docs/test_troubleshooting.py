"""Every message of the source stands in docs/guides/troubleshooting.md, and the page has no others.

A new message needs an entry, or a place in an entry of messages of the same cause: its words, as far as the
first semicolon, with capitals for the variable parts. `pytest tests/docs/test_troubleshooting.py` names it.
"""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from message_templates import HOLE, RETURNING, ROOT, Template, all_texts, templates, trees

PAGE = ROOT / "docs/guides/troubleshooting.md"
_VARIABLE = re.compile(r"""(?<![A-Za-z-])['"]?[A-Z][A-Z0-9_]*\b(?!-?[a-z])['"]?|(?<=--)[A-Z]+\b""")
_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1 \\\n", re.DOTALL)
_LITERAL = {"CUDA", "UTF", "LFW", "ROC", "NUL", "MATLAB", "JSON", "CSV", "FAR", "PCA", "SVD"}
# Texts that are no message alone; why stands beside each.
PARTS = {
    "; quote the pattern, or the shell fills in its wildcards": "added to 'Got unexpected extra argument'",
    "unexpected extra argument": "words of typer that are looked for",
    "a process that is not named": "instead of the name of a process",
    "column of the log to stop by": "a kind of name, in 'unknown column of the log to stop by'",
    "computed from the snapshots instead": "the end of 'METRIC is NaN or infinite at N of M epochs'",
    "the line is broken there": "the same",
    "nothing is drawn of it": "the same",
    "of the gallery": "a part of 'the space has collapsed'",
}
# Messages of Python, torch, the shell and typer, and those that are numbers and names alone.
OTHERS = {
    "No such option: OPTION",
    "Missing argument ARGUMENT",
    "Missing option OPTION",
    "Invalid value for OPTION",
    "No such command NAME",
    "Got unexpected extra argument (WORD)",
    "Option OPTION requires an argument",
    "LIBRARY warns: TEXT (and N more like it)",
    "stopped",
    "command not found: embedlens",
    "No module named MODULE",
    "CUDA out of memory",
    "--OPTION VALUE; give WHAT",
}


@cache
def entries():
    """The messages of the page: the code spans, each on a line of its own, that a paragraph begins with."""
    found = []
    for paragraph in PAGE.read_text(encoding="utf-8").split("\n\n"):
        rest = paragraph.strip()
        while span := _SPAN.match(rest):
            found.append(" ".join(span[2].split()))
            rest = rest[span.end() :]
            assert rest, f"nothing is said of {found[-1]!r}"
    return found


def pattern(entry):
    """Return the messages that an entry stands for, as a pattern of templates."""
    parts, last = [], 0
    for match in _VARIABLE.finditer(entry):
        word = match[0].strip("'\"-")
        if word in _LITERAL:
            continue
        parts += [re.escape(entry[last : match.start()]), f"(?:.*?{HOLE}.*|{re.escape(match[0])})"]
        last = match.end()
    return re.compile("".join([*parts, re.escape(entry[last:]), f" ?{HOLE}?"]))


@cache
def patterns():
    return {entry: pattern(entry) for entry in entries() if entry not in OTHERS}


def covering(template):
    """Return the entry that a message stands in, or None."""
    return next((entry for entry, form in patterns().items() if fits(form, template)), None)


def fits(form, template):
    """Return whether a pattern is of a whole message, or of its words as far as the first semicolon."""
    return form.fullmatch(template.text) is not None or form.fullmatch(template.head) is not None


FOUND = [one for one in templates() if one.text not in PARTS]


def test_there_are_messages():
    assert len(FOUND) > 500
    heads = {one.head.replace(HOLE, "...") for one in FOUND}
    gone = RETURNING - {node.name for tree in trees().values() for node in ast.walk(tree)
                        if isinstance(node, ast.FunctionDef)}  # fmt: skip
    assert gone == set(), "functions whose messages are collected have other names now"
    assert {"run ... has no snapshot yet", "row ... holds ...", "unknown loss of a field ..."} <= heads


def test_every_message_has_an_entry():
    missing = sorted(str(one) for one in FOUND if covering(one) is None)
    assert not missing, f"{len(missing)} messages without an entry in {PAGE.name}:\n" + "\n".join(missing)


def test_every_entry_is_of_a_message():
    """Words that the source no longer has are of a message that is gone, or that reads otherwise now."""
    left = patterns()
    for known in (FOUND, all_texts()):
        left = {entry: form for entry, form in left.items() if not any(fits(form, one) for one in known)}
    assert list(left) == []


def test_entries_have_words_of_their_own():
    """An entry that stands for many messages would let new ones pass unseen."""
    counts = {
        entry: len({one.text for one in FOUND if fits(form, one)}) for entry, form in patterns().items()
    }
    assert [entry for entry, count in counts.items() if count > 8] == []


def test_the_page_says_each_message_once():
    assert len(entries()) == len(set(entries()))


@pytest.mark.parametrize(
    ("text", "entry", "agree"),
    [
        (f"run {HOLE} has no snapshot yet", "run 'RUN' has no snapshot yet", True),
        (f"run {HOLE} has no snapshot yet", "RUN has no snapshot", False),
        (f"run {HOLE} has no epoch in {HOLE}; it has {HOLE}", "run 'RUN' has no epoch in RANGE", True),
        (f"{HOLE} is {HOLE}; {HOLE} is the least", "NAME is VALUE; N is the least", True),
        (f"{HOLE} is {HOLE}; {HOLE} is the most", "NAME is VALUE; N is the least", False),
        (f"no label of {HOLE}", "no label of a split", False),
        ("no label of a split", "no label of SPLIT", False),
        ("embeddings of shape (N, D)", "embeddings of shape (N, D)", True),
    ],
)
def test_fixed_words_must_agree(text, entry, agree):
    assert fits(pattern(entry), Template("file.py", 1, text)) is agree
