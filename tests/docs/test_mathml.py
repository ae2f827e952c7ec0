"""Formulas of the documentation become MathML; what the converter does not know is a warning."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
pytest.importorskip("latex2mathml")

PATH = Path(__file__).parent.parent.parent / "docs/extensions/mathml.py"


@pytest.fixture
def extension():
    spec = importlib.util.spec_from_file_location("mathml_pages", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_formulas_are_mathml(extension):
    made = extension.mathml(r"S_{ij} = u_i \cdot u_j", block=False)
    assert made.startswith("<math")
    assert "\\" not in made
    assert 'display="block"' in extension.mathml(r"\frac{1}{n}", block=True)


def test_an_unknown_command_is_a_warning(extension, monkeypatch):
    said = []
    monkeypatch.setattr(extension._LOGGER, "warning", lambda *words, **_: said.append(words))
    extension.mathml(r"\nosuchthing x", block=False)
    assert len(said) == 1
    assert "nosuchthing" in said[0][2]
