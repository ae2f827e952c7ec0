"""Configurations read back from run.json: wrong types and numbers without bounds are named, not met later."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields

import pytest
from support import assert_refused

from embedlens import InputError
from embedlens.training.config import TrainConfig

VALUES = ["x", "", -1, 0, 0.5, 1e300, 1 << 62, 1 << 64, None, True, [], [1], {}, {"a": 1}]
TYPES = {entry.name: entry.type for entry in fields(TrainConfig)}  # the annotations, as text
KINDS = {"str": str, "int": int, "float": (int, float), "bool": bool, "dict[str, Any]": dict}


@pytest.mark.parametrize("name", sorted(TYPES))
def test_no_value_of_another_type_is_taken(name):
    """By plain comparison with the words of the annotation."""
    method = TrainConfig().as_method()
    words = [word.strip() for word in TYPES[name].split("|")]
    for value in VALUES:
        fits = value is None and "None" in words
        for word in words:
            if word != "None" and isinstance(value, KINDS[word]):
                fits |= word == "bool" or not isinstance(value, bool)
        changed = {**method, name: value}
        if not fits:
            with pytest.raises(InputError, match=f"^{name} is "):
                TrainConfig.from_method(changed)
            continue
        with suppress(InputError):  # out of its range
            assert getattr(TrainConfig.from_method(changed), name) == value


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("lr", "fast", "lr is 'fast'; a number is needed"),
        ("dim", 10**18, "dim is 1,000,000,000,000,000,000; 1,048,576 is the most"),
        ("backbone", None, "backbone is 'None'; text is needed"),
        ("loss_options", [1], "loss_options is '[1]'; an object is needed"),
        ("threads", 10**18, "threads is 1,000,000,000,000,000,000; 65,536 is the most"),
    ],
)
def test_resuming_names_the_key(cli, folder, name, value, part):
    (folder / "runs").mkdir()
    assert cli("train", "--data", "digits", "--epochs", "0", "--out", "runs/a").code == 0
    file = folder / "runs/a/run.json"
    document = json.loads(file.read_text())
    document["method"][name] = value
    file.write_text(json.dumps(document))
    assert_refused(cli("train", "--resume", "a"), "run 'a'", part)
