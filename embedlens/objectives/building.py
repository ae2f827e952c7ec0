"""Construction of losses and miners by name and options, ours and those of pytorch-metric-learning."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, first_sentence, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from embedlens.registry import Registry

PREFIX = "pml:"
"""Prefix of the names of classes of pytorch-metric-learning."""


def options_of(made: type, apart: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the options of a class, its keyword-only arguments, with defaults; without those in `apart`."""
    parameters = inspect.signature(made).parameters.values()
    named = (parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)
    return {parameter.name: parameter.default for parameter in named if parameter.name not in apart}


def checked_options(
    registry: Registry[Any], name: str, options: Mapping[str, Any], *, apart: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return `options` if the entry of a registry has them, of the right type; else raise `InputError`."""
    known = options_of(registry.get(name), apart)
    for option, value in options.items():
        if option in known and not _is_like(value, known[option]):
            message = (
                f"{registry.kind} {name!r}: option {option} is {value!r}; like {known[option]!r} is needed"
            )
            raise InputError(message)
        if option not in known:
            takes = ", ".join(sorted(known)) or "none"
            message = f"{registry.kind} {name!r} has no option {option!r}; its options: {takes}"
            raise InputError(message)
    return dict(options)


def _is_like(value: Any, default: Any) -> bool:
    """Return whether a value is of the type of the default: a number, a bool, or text."""
    if isinstance(default, bool) or not isinstance(default, float | int):
        return isinstance(value, type(default))
    return isinstance(value, float | int) and not isinstance(value, bool)


def package_class(module: ModuleType, name: str, *, kind: str) -> type:
    """Return a class of pytorch-metric-learning by its prefixed name; `InputError` if there is none."""
    usable = {
        entry: value
        for entry, value in vars(module).items()
        if inspect.isclass(value) and not entry.startswith("Base") and not entry.endswith("Mixin")
    }
    found = usable.get(name.removeprefix(PREFIX))
    if found is None:
        raise unknown(name, f"{kind} of pytorch-metric-learning", [PREFIX + entry for entry in usable])
    return found


def package_instance(made: type, options: Mapping[str, Any]) -> Any:
    """Return an instance made with the options; any error of the class becomes an `InputError`."""
    try:
        return made(**options)
    except Exception as error:  # any class of the package, with anything the user may type
        named = [
            parameter.name
            for parameter in inspect.signature(made).parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        takes, shown = ", ".join(named) or "those of its base class", first_sentence(error)
        message = (
            f"{PREFIX}{made.__name__} cannot be made with {dict(options)} ({shown}); its options: {takes}"
        )
        raise InputError(message) from error
