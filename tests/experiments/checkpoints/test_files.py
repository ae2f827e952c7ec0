"""Checkpoints by pattern: which number is the epoch, in which order, and what is not clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedlens import InputError
from embedlens.experiments.checkpoints import find_checkpoints


@pytest.fixture
def found(folder):
    """Make files, and find those of a pattern: (name, epoch, step) of each, and the messages."""

    def find(pattern, *names, **options):
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()
        result = find_checkpoints(pattern, **options)
        return [(one.path.as_posix(), one.epoch, one.step) for one in result.checkpoints], result.messages

    return find


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("ckpt-*.pt", {"ckpt-1.pt": (1, None), "ckpt-2.pt": (2, None), "ckpt-10.pt": (10, None)}),
        ("*", {"resnet50-1.pt": (1, None), "resnet50-2.pt": (2, None)}),
        ("ckpt-?.pt", {"ckpt-0.pt": (0, None), "ckpt-9.pt": (9, None)}),
        ("ckpt-*.pt", {"ckpt-3.pt": (3, None)}),
        ("*.ckpt", {"epoch=1-step=500.ckpt": (1, 500), "epoch=2-step=1000.ckpt": (2, 1000)}),
        ("*.ckpt", {"e3-loss0.21.ckpt": (3, None), "e4-loss0.19.ckpt": (4, None)}),
        ("net_*.pt", {"net_step500.pt": (None, 500), "net_step1000.pt": (None, 1000)}),
        ("run/*-{epoch}.pt", {"run/a2-1.pt": (1, None), "run/b3-2.pt": (2, None)}),
        ("out/checkpoint-{step}/w.pt",
         {"out/checkpoint-50/w.pt": (None, 50), "out/checkpoint-100/w.pt": (None, 100)}),
        ("{epoch}/ckpt-{epoch}.pt", {"1/ckpt-1.pt": (1, None), "2/ckpt-2.pt": (2, None)}),
        ("[a]-*.pt", {"[a]-1.pt": (1, None)}),
    ],
)  # fmt: skip
def test_epochs_and_steps_are_read_from_names_in_natural_order(found, pattern, names):
    checkpoints, messages = found(pattern, *reversed(names))
    assert checkpoints == [(name, *numbers) for name, numbers in names.items()]
    assert messages == ()


def test_names_of_lightning_count_from_0_after_the_first_epoch(found):
    names = ("epoch=0-step=500.ckpt", "epoch=1-step=1000.ckpt")
    checkpoints, messages = found("*.ckpt", *names)
    assert checkpoints == [(names[0], 0, 500), (names[1], 1, 1000)]
    assert messages == (
        "epoch=0-step=500.ckpt is epoch 0, the state before training; --epoch-offset 1 counts it as the "
        "state after the first epoch",
    )
    assert found("*.ckpt", epoch_offset=0) == (checkpoints, ())
    assert found("*.ckpt", epoch_offset=1) == ([(names[0], 1, 500), (names[1], 2, 1000)], ())
    assert found("ckpt-*.pt", "ckpt-0.pt", "ckpt-1.pt")[1] == ()  # as torch.save names it, before training


def test_offsets_that_cannot_be_are_refused(found):
    with pytest.raises(InputError, match="epoch_offset is -1; 0 is the least"):
        found("ckpt-*.pt", "ckpt-0.pt", epoch_offset=-1)
    with pytest.raises(InputError, match="--epoch-offset is for epochs"):
        found("*_step*.pt", "net_step5.pt", epoch_offset=1)


def test_folders_are_checkpoints_too(found):
    steps = [("out/checkpoint-50", None, 50), ("out/checkpoint-100", None, 100)]
    files = ("out/checkpoint-50/a.bin", "out/checkpoint-100/a.bin")
    assert found("out/checkpoint-{step}", *files)[0] == steps
    assert found("out/checkpoint-*")[0] == steps  # as the Trainer of transformers names them
    assert found("out/*", "out/a-1/a.bin", "out/a-2/b.bin")[0] == steps
    assert [epoch for _, epoch, _ in found("*/a-*")[0]] == [1, 2]


def test_names_without_numbers_are_counted_with_a_message(found):
    checkpoints, messages = found("*.pt", "tuned.pt", "start.pt")
    assert checkpoints == [("start.pt", 0, None), ("tuned.pt", 1, None)]
    assert "0, 1, 2" in messages[0]
    assert "start.pt, tuned.pt" in messages[0]
    checkpoints, messages = found("net*", "net50a", "net50b")
    assert [epoch for _, epoch, _ in checkpoints] == [0, 1]
    assert messages


@pytest.mark.parametrize("pattern", ["*.ckpt", "c{epoch}.ckpt"])
def test_files_without_a_number_beside_others_are_left_out_with_a_message(found, pattern):
    checkpoints, messages = found(pattern, "c1.ckpt", "c2.ckpt", "c-last.ckpt")
    assert [epoch for _, epoch, _ in checkpoints] == [1, 2]
    assert pattern == "c{epoch}.ckpt" or "c-last.ckpt" in messages[0]
    assert len(messages) == 1


@pytest.mark.parametrize(
    ("pattern", "names", "words"),
    [
        ("*.pt", (), "matches no checkpoint"),
        ("{epoc}.pt", ("1.pt",), "{epoc}"),
        ("*.pt", ("a1-b2.pt", "a2-b3.pt"), "write {epoch}"),
        ("*.pt", ("a1-2.pt", "a3.pt"), "write {epoch}"),
        ("*/{epoch}.pt", ("a/1.pt", "b/1.pt"), "two checkpoints of epoch 1: a/1.pt and b/1.pt"),
        ("ckpt*", ("ckpt1", "ckpt01", "ckpt2"), "two checkpoints of epoch 1"),
        ("*.pt", ("1234567890123456.pt", "2.pt"), "16 digits"),
    ],
)
def test_what_is_not_clear_is_refused(found, pattern, names, words):
    with pytest.raises(InputError) as refused:
        found(pattern, *names)
    assert words in str(refused.value)
