"""Conventions as tests: names, signatures, docstrings, and what an import may cost."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import statistics
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from support import entry_point

import embedlens

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    [info.name for info in pkgutil.walk_packages(embedlens.__path__, "embedlens.")],
)


def public_functions():
    """All public functions and methods of the library: (module, name, function)."""
    for name in MODULES:
        module = importlib.import_module(name)
        for symbol, value in vars(module).items():
            if symbol.startswith("_") or getattr(value, "__module__", None) != name:
                continue
            if inspect.isfunction(value):
                yield name, symbol, value
            elif inspect.isclass(value):
                for method, function in vars(value).items():
                    if inspect.isfunction(function) and (not method.startswith("_") or method == "__init__"):
                        yield name, f"{symbol}.{method}", function


def test_public_names():
    assert embedlens.__all__ == [
        "InputError", "LabelSets", "Recorder", "Run", "Snapshot", "__version__", "analysis", "experiments",
        "figures", "objectives", "open_run", "report", "similarity", "training",
    ]  # fmt: skip
    for name in embedlens.__all__:
        assert getattr(embedlens, name) is not None
        assert name in dir(embedlens)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = embedlens.nothing


def test_functions_take_at_most_three_positional_parameters():
    allowed = {"__exit__", "forward"}
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    for module, name, function in public_functions():
        owner = getattr(importlib.import_module(module), name.split(".")[0])
        if name.split(".")[-1] in allowed or hasattr(owner, "__dataclass_fields__") and "__init__" in name:
            continue
        parameters = [p for p in inspect.signature(function).parameters.values() if p.kind in kinds]
        count = len([p for p in parameters if p.name != "self"])
        assert count <= 3, f"{module}.{name} takes {count}"


def test_analyses_tell_shapes_and_errors():
    for module, name, function in public_functions():
        if (
            module.startswith("embedlens.analysis")
            and "." not in name
            and inspect.signature(function).parameters
        ):
            text = inspect.getdoc(function) or ""
            many = len(inspect.signature(function).parameters) > 1
            assert not many or "Parameters\n----------" in text, f"{module}.{name}"
            assert not many or "[N, D]" in text, f"{module}.{name}"


def test_every_figure_has_its_analysis():
    """Scores that are only printed have no figure; what is drawn has an analysis of the same name."""
    analyses, figures = (
        {path.relative_to(ROOT / "embedlens" / room) for path in (ROOT / "embedlens" / room).rglob("*.py")}
        for room in ("analysis", "figures")
    )
    drawn = {path for path in figures if path.parts[0] not in ("layout", "export")}
    assert drawn - {Path("style.py"), Path("triplets/panels.py")} <= analyses


def test_packages_name_all_that_they_load_lazily():
    """For readers, for type checkers, and for `__dir__`: three lists, which say the same."""
    for name in MODULES:
        module = importlib.import_module(name)
        source = Path(module.__file__).read_text()
        if "attached(" not in source or name == "embedlens.lazy":
            continue
        checked = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith(name):
                checked |= {alias.name for alias in node.names}
        assert sorted(module.__all__) == sorted(checked), name
        assert set(module.__all__) <= set(dir(module)), name
        for one in module.__all__:
            assert getattr(module, one) is not None


LONGER = {"embedlens/store/recorder.py": 340}  # one class, of which 113 lines are docstrings


def test_modules_are_small():
    for path in [*ROOT.glob("embedlens/**/*.py"), *ROOT.glob("cli/**/*.py")]:
        source = path.read_text()
        assert source.count("\n") <= LONGER.get(path.relative_to(ROOT).as_posix(), 300), path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                assert lines <= 55, f"{path}: {node.name} has {lines} lines"


def test_files_of_commands_are_small():
    for path in (ROOT / "cli/embedlens_cli/commands").rglob("*.py"):
        assert path.read_text().count("\n") <= 250, path


def _sources():
    """Every module of the library and of the command line: name -> file."""
    files = {}
    for root, package in ((ROOT, "embedlens"), (ROOT / "cli", "embedlens_cli")):
        for path in (root / package).rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def _imported(path, modules):
    """The modules that a file imports anywhere: at its top, for type checking, and inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in modules else node.module)
    return found & modules


def test_no_import_circles():
    files = _sources()
    left = {name: _imported(path, set(files)) - {name} for name, path in files.items()}
    while free := [
        name
        for name, imports in left.items()
        if not imports & left.keys() or not any(name in others for others in left.values())
    ]:
        for name in free:
            del left[name]
    # What is left is in a circle, or between two of them.
    assert not left, f"import circles among: {sorted(left)}"


def test_the_lowest_versions_that_are_tested_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    stated = [*project["dependencies"], *extras["vision"], *extras["test"]]
    lowest = dict(text.split(">=") for text in stated if ">=" in text)
    lines = (ROOT / "constraints-lowest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    for name in ("torch", "torchvision"):  # the oldest are CUDA builds; these are of constraints.txt
        assert f"{name}=={pinned.pop(name)}" in (ROOT / "constraints.txt").read_text()
        del lowest[name]
    assert pinned.pop("pyparsing")  # of matplotlib
    assert {name: _padded(version) for name, version in lowest.items()} == {
        name: _padded(version) for name, version in pinned.items()
    }


def _padded(version):
    return [*map(int, version.split(".")), 0, 0][:3]


def test_import_loads_nothing_heavy():
    script = (
        "import embedlens, embedlens_cli.main, sys, typer;"
        "assert len(typer.main.get_command(embedlens_cli.main.app).commands.values()) > 20;"
        "print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "matplotlib", "numpy", "scipy", "sklearn", "rich", "PIL"}


def test_importing_figures_changes_no_style():
    script = (
        "import matplotlib as mpl; before = dict(mpl.rcParams);"
        "import embedlens.figures.triplets, embedlens.figures.export.animation;"
        "assert dict(mpl.rcParams) == before"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def _seconds(command):
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def test_help_takes_under_a_third_of_importing_torch():
    pairs = [
        (_seconds([entry_point(), "--help"]), _seconds([sys.executable, "-c", "import torch"]))
        for _ in range(3)
    ]
    assert statistics.median(ours / torch for ours, torch in pairs) < 1 / 3


def test_contributing_names_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = {word.strip("`,.;:()") for word in text.split() if word.startswith("`")}
    paths = {
        word
        for word in named
        if "/" in word and "NAME" not in word and word.endswith((".py", ".md", ".toml", ".mplstyle"))
    }
    assert len(paths) >= 5
    for path in paths:
        assert (ROOT / path).exists(), path


def test_the_readme_s_first_lines_are_the_two_commands():
    lines = (ROOT / "README.md").read_text().splitlines()
    demo = next(line for line in lines if "embedlens demo" in line)
    tests = next(line for line in lines if line.endswith("pytest"))
    for line in (demo, tests):
        assert line.startswith(
            "python3 -m venv .venv && . .venv/bin/activate && pip install -c constraints.txt "
        )
    assert demo.endswith("&& embedlens demo")
    assert tests.endswith("&& pytest")
