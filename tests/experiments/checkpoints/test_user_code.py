"""Functions by name: where modules are found, and how errors of the user's code are reported."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import pytest

from embedlens import InputError
from embedlens.experiments.checkpoints.user_code import UserFunction, current_folder, iterated, load_function


@pytest.fixture
def module(folder):
    """Write a module into the current folder; it is forgotten after the test."""
    written = []

    def write(name, text):
        file = Path(*name.split(".")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        written.append(name)

    yield write
    for name in list(sys.modules):
        if name.split(".")[0] in {one.split(".")[0] for one in written}:
            del sys.modules[name]


def loaded(text):
    with current_folder():
        return load_function(text, "--model")


def test_functions_methods_and_modules_of_packages_are_found_in_the_current_folder(module):
    module("code_a", "class Net:\n    @classmethod\n    def load(cls, path):\n        return cls, path\n")
    module("code_b.inner", "def load(path):\n    return path + 1\n")
    assert loaded("code_a:Net.load")(3)[1] == 3
    assert loaded("code_b.inner:load")(1) == 2
    assert str(Path.cwd()) not in sys.path


def test_the_digest_is_that_of_the_source_file(module):
    module("code_a", "def load(path):\n    return path\n")
    before = loaded("code_a:load").digest()
    assert before == loaded("code_a:load").digest()
    Path("code_a.py").write_text("def load(path):\n    return None\n")
    assert loaded("code_a:load").digest() != before
    assert UserFunction("len", len).digest() is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("code_a", "write code_a:load"),
        ("code_a.py:make", "write code_a:make for the function make in code_a.py"),
        ("./nets/a.py:make", "write nets.a:make for the function make in nets/a.py"),
        (":load", "is not MODULE:FUNCTION"),
        ("code_none:load", "no module 'code_none' in the current folder"),
        ("code_a.inner:load", "no module 'code_a.inner'"),
        ("code_a:laod", "unknown function of code_a.py 'laod'; did you mean 'load'?"),
        ("code_a:number", "is int; a function is needed"),
        ("json:lode", "'load'"),
        (
            "code_import:load",
            "code_import:load: code_import.py, line 1: ModuleNotFoundError: No module named 'n",
        ),
        ("code_raises:load", "code_raises.py, line 2: ZeroDivisionError"),
        ("code_syntax:load", "code_syntax.py, line 2: SyntaxError"),
        ("code_exits:load", "code_exits.py, line 2: SystemExit: 3"),
    ],
)
def test_a_name_that_gives_no_function_is_one_line(module, text, words):
    module("code_a", "number = 3\n\ndef load(path):\n    return path\n")
    module("code_import", "import no_such_library\n")
    module("code_raises", "\n1 / 0\n")
    module("code_syntax", "\ndef load(:\n")
    module("code_exits", "import sys\nsys.exit(3)\n")
    with pytest.raises(InputError) as refused:
        loaded(text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_errors_of_a_function_name_the_last_line_of_the_users_code(module):
    module("code_a", "import json\n\ndef load(text):\n    return json.loads(text)\n")
    with pytest.raises(InputError) as refused:
        loaded("code_a:load")("{")
    assert str(refused.value).startswith("code_a:load: code_a.py, line 4: JSONDecodeError: Expecting")
    assert str(refused.value).endswith("; --debug shows the traceback")
    assert type(refused.value.__cause__).__name__ == "JSONDecodeError"
    with pytest.raises(MemoryError):  # the program has words of its own for it
        UserFunction("a:b", _without_memory)()
    with pytest.raises(KeyboardInterrupt):
        UserFunction("a:b", _stopped)()


def _two(cls, path):
    return path


@functools.wraps(_two)
def _wrapped(*values):
    return _two(None, *values)


def _without_memory():
    raise MemoryError


def _stopped():
    raise KeyboardInterrupt


def test_parameters_are_checked_before_the_call():
    UserFunction("a:b", lambda path, more=1: path).check_takes(arguments=1, what="a path")
    UserFunction("a:b", print).check_takes(arguments=1, what="a path")
    UserFunction("a:b", _wrapped).check_takes(arguments=1, what="a path")
    for function in (lambda: 0, lambda a, b: 0, lambda *, path: 0):
        with pytest.raises(InputError, match="a:b has the parameters .*; it is called with a path"):
            UserFunction("a:b", function).check_takes(arguments=1, what="a path")


def test_an_error_while_a_loader_is_read_is_reported(folder):
    frames = f'  File "{folder / "data.py"}", line 7, in item\n  File "{functools.__file__}", line 9, in it\n'
    text = f"Caught ValueError in worker 0.\nOriginal Traceback (most recent):\n{frames}ValueError: bad"

    def batches():
        yield 1
        raise ValueError(text)

    found = iterated(batches(), "net:loaders")
    assert next(found) == 1
    with pytest.raises(InputError, match="net:loaders: data.py, line 7: ValueError: bad; --debug"):
        next(found)
