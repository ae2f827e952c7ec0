"""The command `embed`: checkpoints and code of the user in, a run out."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support import assert_refused, once

import embedlens
from embedlens_cli.main import main

CODE = """
import torch
from torch.utils.data import DataLoader, TensorDataset


def load(path):
    print("loading", path)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 4))
    network.load_state_dict(torch.load(path, weights_only=True))
    return network


def forgets(path):
    load(path)


def loaders():
    x = torch.randn(40, 256, generator=torch.Generator().manual_seed(0))
    return {"val": DataLoader(TensorDataset(x, torch.arange(40) % 4), 16)}


def shuffled():
    return DataLoader(loaders()["val"].dataset, shuffle=True)
"""


@pytest.fixture
def checkpoints(folder):
    """Three checkpoints, and the code that reads them, in the current folder."""
    for epoch in range(3):
        torch.manual_seed(epoch)
        network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 4))
        torch.save(network.state_dict(), f"ckpt-{epoch}.pt")
    Path("user_net.py").write_text(CODE)
    yield folder
    sys.modules.pop("user_net", None)


WORDS = ("embed", "--model", "user_net:load", "--checkpoints", "ckpt-*.pt")


@pytest.mark.slow
def test_through_the_real_program_again_and_with_one_more(checkpoints, program, cli):
    Path("ckpt-2.pt").rename("later.pt")
    done = program(*WORDS, "--data", "digits", "--split", "test", "--json")
    assert done.code == 0, done.err
    assert done.err.splitlines() == ["loading ckpt-0.pt", "loading ckpt-1.pt"]
    assert done.json["summary"] == {
        "name": "digits-user_net", "path": "runs/digits-user_net", "splits": {"test": 896},
        "epochs": [0, 1], "dim": 4, "dtype": "float32", "embedded": ["ckpt-0.pt", "ckpt-1.pt"],
    }  # fmt: skip
    Path("later.pt").rename("ckpt-2.pt")
    done = cli(*WORDS, "--data", "digits", "--split", "test")
    assert done.code == 0, done.err
    assert done.err == "recorded already: 2 of 3 checkpoints\n"
    assert done.out.splitlines() == [
        "loading ckpt-2.pt", "epoch 2: ckpt-2.pt",
        "run runs/digits-user_net: 3 epochs, 896 in test, 4 dims",
        "next: embedlens scatter runs/digits-user_net --animate",
    ]  # fmt: skip
    shown = cli("info", "digits-user_net")
    assert "method  model=user_net:load, data=digits, checkpoints=3\n" in shown.out


def test_names_of_lightning_with_an_offset(checkpoints, cli):
    for epoch in range(2):
        Path(f"ckpt-{epoch}.pt").rename(f"epoch={epoch}.ckpt")
    words = once(*WORDS, "--checkpoints", "*.ckpt", "--loader", "user_net:loaders", "--json")
    done = cli(*words, "--epoch-offset", "1", "--out", "runs/from1")
    assert done.json["summary"]["epochs"] == [1, 2]
    assert "is epoch 0" not in done.err
    again = cli(*words, "--epoch-offset", "1", "--out", "runs/from1")
    assert "recorded already: 2 of 2 checkpoints" in again.err
    done = cli(*words, "--out", "runs/from0")
    assert done.json["summary"]["epochs"] == [0, 1]
    assert "epoch=0.ckpt is epoch 0, the state before training; --epoch-offset 1 counts it" in done.err


def test_a_loader_of_the_user(checkpoints, cli):
    done = cli(*WORDS, "--loader", "user_net:loaders", "--out", "runs/mine", "--dtype", "float16")
    assert done.code == 0, done.err
    run = embedlens.open_run("runs/mine")
    assert run.info.dtype == "float16"
    assert run.labels("val").tolist() == [row % 4 for row in range(40)]
    assert run.method["loader"] == "user_net:loaders"
    x = torch.randn(40, 256, generator=torch.Generator().manual_seed(0)).numpy()
    state = torch.load("ckpt-1.pt", weights_only=True)
    wanted = x @ state["1.weight"].numpy().T + state["1.bias"].numpy()
    np.testing.assert_allclose(run.snapshot("val", 1).embeddings, wanted, atol=0.01)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--data", "digits", "--model", "user_net:forgets"], ["user_net:forgets returned None for"]),
        (["--data", "digits", "--model", "user_net:laod"], ["did you mean 'load'?"]),
        (["--data", "digits", "--image-size", "20"], ["ckpt-0.pt: user_net:load's model, split 'train'",
                                                      "a batch of shape (128, 1, 20, 20)", "mat1 and mat2"]),
        (["--data", "digits", "--checkpoints", "*.pth"], ["'*.pth' matches no checkpoint"]),
        (["--data", "digits", "--checkpoints", "*.py"], ["user_net:load: user_net.py, line 9: "]),
        (["--data", "digits", "--mean", "1,x"], ["--mean", "one number per channel"]),
        (["--data", "digit"], ["unknown data set 'digit'; did you mean 'digits'?"]),
        (["--data", "folder"], ["--root"]),
        (["--data", "digits", "--root", "."], ["leave out --root"]),
        ([], ["give one of --data and --loader"]),
        (["--loader", "user_net:loaders", "--image-size", "8"], ["--image-size is for the data sets"]),
        (["--loader", "user_net:loaders", "--data", "digits"], ["--data is for the data sets"]),
        (["--loader", "user_net:shuffled"], ["user_net:shuffled, split 'test': the loader draws items"]),
        (["--data", "digits", "ckpt-1.pt"], ["ckpt-1.pt", "quote the pattern"]),
        (["--data", "digits", "--device", "tpu"], ["unknown device 'tpu'"]),
        (["--data", "digits", "--batch-size", "0"], ["--batch-size"]),
    ],
)  # fmt: skip
def test_wrong_turns_are_one_line_and_leave_nothing(checkpoints, cli, capsys, words, parts):
    done = cli(*once(*WORDS, *words), "--json")  # what the user's code prints is then on standard error
    done.err = "\n".join(line for line in done.err.splitlines() if not line.startswith("loading"))
    done.err = "\n".join(line for line in done.err.splitlines() if "no number in the names" not in line)
    assert_refused(done, *parts)
    assert not Path("runs").exists() or not any(Path("runs").iterdir())


def test_debug_shows_the_traceback_of_the_users_code(checkpoints, cli, monkeypatch):
    Path("user_net.py").write_text("def load(path):\n    raise ValueError('of mine')\n")
    done = cli(*WORDS, "--data", "digits")
    assert_refused(done, "ckpt-0.pt: user_net:load: user_net.py, line 2: ValueError: of mine; --debug shows")
    monkeypatch.setattr(sys, "argv", ["embedlens", "--debug", *WORDS, "--data", "digits"])
    with pytest.raises(embedlens.InputError) as raised:
        main()
    assert str(raised.value.__cause__) == "of mine"
