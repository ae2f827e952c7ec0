"""Every test asserts something, itself or by a function that it calls."""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).parent
ASSERTING = ("raises", "warns", "fail")  # of pytest


def called(call):
    """Name of the function that is called, without what it is a part of."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def asserts(function, helpers):
    """Whether a function has an assertion, or calls one of the helpers."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant | ast.Tuple):
            return True
        if not isinstance(node, ast.Call):
            continue
        name = called(node)
        if name in helpers or name in ASSERTING or name.startswith("assert_"):
            return True
        if name == "run" and any(word.arg == "check" and word.value.value for word in node.keywords):
            return True  # a script in a process of its own, which holds the assertion
    return False


def functions(paths):
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield path, node


def without_assertion(paths, shared=()):
    """Names of tests that assert nothing; helpers are those of a test's own file, or shared."""
    idle = []
    for path in paths:
        known = {node.name for _, node in functions([path]) if not node.name.startswith("test_")}
        helpers, before = set(shared), None
        while helpers != before:
            before = set(helpers)
            own = [node for _, node in functions([path]) if node.name in known]
            helpers |= {node.name for node in own if asserts(node, helpers)}
        idle += [
            f"{path.name}: {node.name}"
            for _, node in functions([path])
            if node.name.startswith("test_") and not asserts(node, helpers)
        ]
    return idle


def test_every_test_asserts():
    files = sorted(FOLDER.rglob("test_*.py"))
    assert len(files) > 100
    shared = {node.name for _, node in functions(FOLDER.glob("*support*.py")) if asserts(node, ())}
    assert without_assertion(files, shared) == []


def test_a_test_that_asserts_nothing_is_found(tmp_path):
    (tmp_path / "test_a.py").write_text(
        "def helper():\n    assert f()\ndef idle():\n    f()\n"
        "def test_one():\n    helper()\ndef test_two():\n    idle()\ndef test_three():\n    assert True\n"
        "def test_four():\n    with pytest.raises(E):\n        f()\n"
        "def test_five():\n    subprocess.run([], check=True)\ndef test_six():\n    subprocess.run([])\n"
    )
    idle = without_assertion([tmp_path / "test_a.py"])
    assert [line.rpartition(" ")[2] for line in idle] == ["test_two", "test_three", "test_six"]
