"""Templates of all messages in the source: fixed words, with `HOLE` for each variable part."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOLE = "\0"
# Calls whose first argument is a message: errors, warnings, and lines on standard error.
CALLS = {"InputError", "BadParameter", "UsageError", "warn", "send", "print_message"}
# Functions that return messages, or collect them for others to print: all their longer texts are messages.
RETURNING = {
    "_common_default", "_described", "_discard_after", "_in_use", "_load", "_of_system", "_restless", "_text",
    "_unlike", "_usable", "_announced", "_warnings", "advice", "check_joined", "check_same_items",
    "collapse", "duplicates", "idle_columns", "idle_learners", "load_overload", "missing",
    "not_finite_in_log", "own_items", "save_overload", "stop_reason", "unlabelled", "verify", "warnings",
}  # fmt: skip
_FEWEST = 3  # words of such a text


@dataclass(frozen=True)
class Template:
    """A message as it is written in the source."""

    file: str
    line: int
    text: str

    @property
    def head(self):
        """What was got, as far as the first semicolon: the words that a reader searches for."""
        head = self.text.split(";")[0].strip()
        return head if len(words(head)) > 1 else self.text

    def __str__(self):
        return f"{self.file}:{self.line}: {self.text.replace(HOLE, '...')}"


def words(text):
    """Return the fixed words of a text."""
    return [word for word in text.replace(HOLE, " ").split() if any(map(str.isalpha, word))]


def texts(node, assigned):
    """Return the texts that an expression may have."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(one) for one in product(*(texts(part, {}) for part in node.values))]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return ["".join(one) for one in product(texts(node.left, assigned), texts(node.right, assigned))]
    if isinstance(node, ast.IfExp):
        return [*texts(node.body, assigned), *texts(node.orelse, assigned)]
    if isinstance(node, ast.Name) and node.id in assigned:
        others = {name: values for name, values in assigned.items() if name != node.id}
        return [text for value in assigned[node.id] for text in texts(value, others)]
    return [HOLE]


def templates():
    """Return the templates of the library and of the command line."""
    modules = trees()
    arguments = {**dict.fromkeys(CALLS, 0), **_passed_on(modules.values())}
    constants = {
        node.targets[0].id: [node.value]
        for tree in modules.values()
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found = {}
    for file, tree in modules.items():
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.Lambda):
                continue
            assigned = {**constants, **_assigned(function)}
            for node in ast.walk(function):
                for text in _messages(node, assigned, arguments):
                    found.setdefault((file, text), node.lineno)
            if getattr(function, "name", "") in RETURNING:
                for line, text in _long_texts(function):
                    found.setdefault((file, text), line)
    made = [Template(file, line, " ".join(text.split())) for (file, text), line in found.items()]
    return [one for one in made if len(words(one.text)) > 1]


def all_texts():
    """Return all texts of the source but docstrings, also those that are no messages."""
    found = []
    for file, tree in trees().items():
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr | ast.Constant | ast.BinOp) and id(node) not in docstrings:
                found += [Template(file, getattr(node, "lineno", 0), text) for text in texts(node, {})]
    return found


@cache
def trees():
    """Return the modules of the library and of the command line: path -> syntax tree."""
    paths = [*ROOT.glob("embedlens/**/*.py"), *ROOT.glob("cli/**/*.py")]
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in sorted(paths)}


def _name(call):
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _assigned(function):
    """Return what stands on the right of each name's assignments in a function."""
    found = {}
    for node in ast.walk(function):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name) and getattr(node, "value", None) is not None:
                found.setdefault(target.id, []).append(node.value)
    return found


def _passed_on(modules):
    """Return the functions that put an argument of theirs into an error: name -> place of the argument."""
    found = {}
    for tree in modules:
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            names = [one.arg for one in function.args.args if one.arg != "self"]
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and _name(call) == "InputError":
                    used = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
                    if "message" in names and "message" in used:
                        found[function.name] = names.index("message")
    return found


def _messages(node, assigned, arguments):
    """Return the texts of the message that a call makes, none where it makes none."""
    if not isinstance(node, ast.Call):
        return []
    name = _name(node)
    if name == "unknown" and len(node.args) == 3:
        return [f"unknown {kind} {HOLE}" for kind in texts(node.args[1], assigned)]
    if name == "append" and "messages" in ast.unparse(node.func):
        return texts(node.args[0], assigned)
    if name in arguments and len(node.args) > arguments[name]:
        return texts(node.args[arguments[name]], assigned)
    return []


def _long_texts(function):
    """Return lines and texts of a function, but for its docstring and what stands inside other texts."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    left = list(body)
    while left:
        node = left.pop()
        if isinstance(node, ast.JoinedStr | ast.Constant):
            for text in texts(node, {}):
                if len(words(text)) >= _FEWEST:
                    yield node.lineno, text
        else:
            left += ast.iter_child_nodes(node)
