from __future__ import annotations

import warnings

import numpy as np
import pytest
from support import blobs

from embedlens.errors import InputWarning
from embedlens.importing import ImportSource, import_run
from embedlens.importing.epoch_names import names_an_epoch

EPOCHS = [
    ["epoch_12.npy"], ["e3.npy"], ["emb_e_3.npy"], ["ep12.npy"], ["model-Epoch=07.npy"], ["ckpt0040.npy"],
    ["step 1000.npy"], ["checkpoint-3/emb.npy"], ["z_iter500_final.npy"], ["e_-1.npy"],
    ["emb_7.npy", "emb_8.npy"],
    ["emb7.npy", "emb8.npy"], ["00.npy", "05.npy"], ["test_10_z.npy", "test_20_z.npy"],
]  # fmt: skip
OTHERS = [
    ["resnet50.npy"], ["resnet18.npy", "resnet34.npy", "resnet50.npy"], ["clip_vit_l14.npy"], ["emb_512.npy"],
    ["2024-05-01.npy"], ["cub200.npy"], ["base16.npy"], ["emb_7.npy", "emb_8.txt"],
    ["emb_7.npy", "other_8.npy"],
    ["image3.npy", "image3_labels.npy"], ["z.npy"], ["emb_7.npy", "emb_07.npy"], ["test1.npy", "test1b2.npy"],
]  # fmt: skip


def write(names):
    from pathlib import Path

    for name in names:
        Path(name).parent.mkdir(exist_ok=True)
        np.save(name, blobs()[0]) if name.endswith("npy") else Path(name).write_text("")
    return Path(names[0])


@pytest.mark.parametrize("names", EPOCHS, ids=lambda names: names[0])
def test_numbers_that_are_epochs(folder, names):
    assert names_an_epoch(write(names))


@pytest.mark.parametrize("names", OTHERS, ids=lambda names: "+".join(names))
def test_numbers_that_are_none(folder, names):
    assert not names_an_epoch(write(names))


def test_import_warns_of_epochs_alone(folder):
    labels = folder.parent / f"{folder.name}-labels.npy"
    np.save(labels, blobs()[1])
    write(["resnet50.npy"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert import_run(ImportSource("resnet50.npy", str(labels)), folder / "one").epochs() == [0]
    write(["emb_1.npy", "emb_2.npy"])
    with pytest.warns(InputWarning, match=r"has no {epoch}, so emb_2.npy is imported as epoch 0"):
        assert import_run(ImportSource("emb_2.npy", str(labels)), folder / "two").epochs() == [0]


def test_the_command_line_warns_of_epochs_alone(cli, folder):
    np.save("y.npy", blobs()[1])
    write(["resnet50.npy"])
    done = cli("import", "resnet50.npy", "--labels", "y.npy", "--out", "runs/one")
    assert (done.code, done.err) == (0, "")
    write(["ckpt_50.npy"])
    done = cli("import", "ckpt_50.npy", "--labels", "y.npy", "--out", "runs/two")
    assert done.code == 0
    assert "so ckpt_50.npy is imported as epoch 0; write {epoch}" in done.err
