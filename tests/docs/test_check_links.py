"""The check of the built documentation finds what it looks for."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "check_links.py"


@pytest.fixture
def faults():
    spec = importlib.util.spec_from_file_location("check_links", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.faults


def test_links_anchors_and_loads_are_checked(faults, tmp_path):
    (tmp_path / "guides").mkdir()
    (tmp_path / "a.png").touch()
    (tmp_path / "index.html").write_text(
        '<a href="guides/one.html#there">1</a><a href="guides/one.html#gone">2</a><a href="none.html">3</a>'
        '<a href="https://example.org">4</a><img src="a.png"><img src="b.png">'
        '<script src="https://example.org/x.js"></script><link rel="canonical" href="https://example.org">'
    )
    (tmp_path / "guides" / "one.html").write_text('<h1 id="there">One</h1><a href="#there">top</a>')
    assert faults(tmp_path) == [
        "index.html: b.png leads nowhere",
        "index.html: guides/one.html#gone names no anchor",
        "index.html: loads https://example.org/x.js from a network",
        "index.html: none.html leads nowhere",
    ]
