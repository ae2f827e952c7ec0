from __future__ import annotations

import pytest

from embedlens.artifacts import RunName, stem_of


def test_a_short_file_name_joins_its_parts():
    assert stem_of(["scatter", RunName("a b"), "", "test", "epoch-0002"]) == "scatter-a_b-test-epoch-0002"


@pytest.mark.parametrize("letter", ["x", "\u6f22"])
@pytest.mark.parametrize("count", [1, 2, 3, 12, 60])
def test_names_of_runs_are_shortened_before_split_epoch_and_options(letter, count):
    names = [RunName(f"{chr(97 + n % 26)}{n}{letter * 120}") for n in range(count)]
    rest = ["test", "epoch-0002", "ks-1+2+4+8", "exclude-duplicates"]
    stem = stem_of(["scores", *names, *rest])
    assert len(stem.encode()) <= 160
    assert stem.startswith("scores-")
    assert stem.endswith("-test-epoch-0002-ks-1+2+4+8-exclude-duplicates")
    others = [*names[:-1], RunName(names[-1] + "y")]
    assert stem_of(["scores", *others, *rest]) != stem
    if count <= 3:
        assert all(f"-{name[:6]}" in stem for name in names)


def test_a_run_is_told_from_a_split_of_its_name():
    stem = stem_of(["scores", RunName("test"), RunName("x" * 200), "test", "epoch-0000"])
    assert stem.startswith("scores-test-xxx")
    assert stem.endswith("-test-epoch-0000")


def test_options_that_are_too_long_end_in_a_digest():
    stems = {stem_of(["scores", RunName("run"), "o" * 300, end]) for end in "ab"}
    assert len(stems) == 2
    assert all(len(stem) == 160 for stem in stems)
