"""The reference of the Python API: every public name of every package has its entry, once."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import embedlens

ROOT = Path(__file__).parent.parent.parent


def _extension():
    path = ROOT / "docs/extensions/python_api.py"
    spec = importlib.util.spec_from_file_location("python_api_pages", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


extension = _extension()
PAGES = extension.pages()
DOCUMENTED = re.findall(r"^\.\. (?:auto|py:)\w+:: (\S+)$", "\n".join(PAGES.values()), re.MULTILINE)


def packages():
    """Every package of the library that says what is public."""
    for info in pkgutil.walk_packages(embedlens.__path__, "embedlens."):
        if info.ispkg and hasattr(module := importlib.import_module(info.name), "__all__"):
            yield module


def value_of(path):
    """The object that a documented path names."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


OBJECTS = [value_of(path) for path in DOCUMENTED]


def documented(value):
    """Whether an object has an entry, under whatever name it is imported by."""
    return any(value is one for one in OBJECTS)


@pytest.mark.parametrize("package", [embedlens, *packages()], ids=lambda module: module.__name__)
def test_every_public_name_is_documented(package):
    for name in package.__all__:
        value = getattr(package, name)
        if not inspect.ismodule(value):
            assert name.startswith("__") or documented(value), f"{package.__name__}.{name}"
        elif hasattr(value, "__path__"):
            assert any(page.startswith(value.__name__) for page in PAGES), value.__name__
        else:
            for path, one, _ in extension._defined(value):
                assert documented(one), path


def test_nothing_is_documented_twice():
    assert len(DOCUMENTED) == len(set(DOCUMENTED))
    objects = [id(value) for value in OBJECTS if callable(value)]
    assert len(objects) == len(set(objects))


def test_every_entry_has_a_line():
    for names in extension.GROUPS.values():
        for name in names:
            for entries in extension.entries(name).values():
                for entry in entries:
                    assert entry.line, entry.path
                    assert value_of(entry.path) is not None


def test_the_index_has_every_page_with_what_it_is():
    index = PAGES["index.md"]
    for name in PAGES.keys() - {"index.md"}:
        row = re.search(
            rf"^\| \[`{re.escape(name.removesuffix('.md'))}`\]\({re.escape(name)}\) \| (.+) \|$", index, re.M
        )
        assert row, name
        assert row[1].endswith((".", "…"))
        assert f"\n{name.removesuffix('.md')}\n" in index.partition("{toctree}")[2]


def test_pages_are_written_once_and_old_ones_go(tmp_path):
    extension.write(tmp_path, {"index.md": "# A", "b.md": "# B"})
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")}
    (tmp_path / "reference/python/gone.md").write_text("# gone")
    extension.write(tmp_path, {"index.md": "# A", "b.md": "# B"})
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")} == before
