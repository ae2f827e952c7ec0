"""PyTorch Lightning: `EmbeddingRecorder` among the callbacks."""

import lightning as L
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from embedlens.integrations import EmbeddingRecorder

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
train = DataLoader(TensorDataset(x[:1200], y[:1200]), 64, shuffle=True)
test = DataLoader(TensorDataset(x[1200:], y[1200:]), 256)


class Digits(L.LightningModule):
    def __init__(self, dim=16):
        super().__init__()
        self.save_hyperparameters()
        self.network = torch.nn.Linear(64, dim)
        self.head = torch.nn.Linear(dim, 10)

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, _):
        loss = torch.nn.functional.cross_entropy(
            self.head(self(batch[0])), batch[1]
        )
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


recorder = EmbeddingRecorder("runs/lightning", {"train": train, "test": test})
L.Trainer(max_epochs=2, callbacks=[recorder]).fit(Digits(), train)
