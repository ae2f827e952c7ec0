"""Accelerate: `record_embeddings` with what `prepare` returns."""

import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import embedlens
from embedlens.integrations import record_embeddings
from embedlens.store import Ranks

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
model = torch.nn.Sequential(
    torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 16)
)
optimizer = torch.optim.Adam(model.parameters())
accelerator = Accelerator(cpu=True)
model, optimizer, train, test = accelerator.prepare(
    model,
    optimizer,
    DataLoader(TensorDataset(x[:1200], y[:1200]), 64, shuffle=True),
    DataLoader(TensorDataset(x[1200:], y[1200:]), 256),
)

ranks = Ranks.of_torch() if accelerator.num_processes > 1 else None
labels = {"test": y[1200:]}
with embedlens.Recorder(
    "runs/accelerate", labels=labels, ranks=ranks
) as recorder:
    record_embeddings(model, test, recorder, epoch=0)
    for epoch in (1, 2):
        for images, targets in train:
            loss = torch.nn.functional.cross_entropy(model(images), targets)
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
        record_embeddings(
            model, test, recorder, epoch=epoch, metrics={"loss": loss}
        )
