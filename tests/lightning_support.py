"""What the tests of Lightning train: a network that draws from every random state, on blobs."""

from __future__ import annotations

import random

import numpy as np
import torch
from support import blobs
from torch.utils.data import DataLoader, TensorDataset

N = 103
X, Y = (torch.from_numpy(array) for array in blobs(n=N))
DATA = TensorDataset(X, Y)
TRAIN = DataLoader(DATA, 16, shuffle=True, drop_last=True)
LOADERS = {"train": TRAIN, "test": DataLoader(TensorDataset(X[:40], Y[:40]), 16)}


def module_class(lightning):
    class Blobs(lightning.LightningModule):
        def __init__(self, dim=4, noise=0.1):
            super().__init__()
            self.save_hyperparameters()
            self.network = torch.nn.Sequential(
                torch.nn.Linear(8, 16),
                torch.nn.BatchNorm1d(16),
                torch.nn.Dropout(0.5),
                torch.nn.Linear(16, dim),
            )

        def forward(self, x):
            return self.network(x)

        def training_step(self, batch, _):
            x, y = batch
            noise = self.hparams.noise * (random.random() + np.random.random())  # noqa: NPY002
            loss = torch.nn.functional.cross_entropy(self(x + noise * torch.rand_like(x)), y % 4)
            self.log("loss", loss, on_step=True, on_epoch=True)
            self.log("epoch_of_module", float(self.current_epoch), on_epoch=True, on_step=False)
            return loss

        def validation_step(self, batch, _):
            self.log("val/loss", torch.nn.functional.cross_entropy(self(batch[0]), batch[1] % 4))

        def on_train_epoch_end(self):
            self.log("late", 10.0 + self.current_epoch)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    return Blobs


def made(lightning, **options):
    """A module that always begins with the same weights."""
    torch.manual_seed(0)
    return module_class(lightning)(**options)


def trainer(lightning, folder, callbacks=(), **options):
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    given = {"accelerator": "cpu", "max_epochs": 2, "logger": False, "default_root_dir": folder} | quiet
    return lightning.Trainer(callbacks=list(callbacks), **(given | options))


def fit(lightning, folder, callbacks=(), *, ckpt_path=None, module=None, **options):
    """Train, from the same random states every time; return the trainer and the module."""
    module = module or made(lightning)
    used = trainer(lightning, folder, callbacks, **options)
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(3)
    loader = DataLoader(DATA, 16, shuffle=True, drop_last=True)
    used.fit(module, loader, DataLoader(DATA, 16), ckpt_path=ckpt_path)
    return used, module
