"""Plain PyTorch: `record_embeddings` before the first epoch and after each."""

import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import embedlens
from embedlens.integrations import record_embeddings

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
train = DataLoader(TensorDataset(x[:1200], y[:1200]), 64, shuffle=True)
test = DataLoader(TensorDataset(x[1200:], y[1200:]), 256)
model = torch.nn.Sequential(
    torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 16)
)
head = torch.nn.Linear(16, 10)
optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()])

labels = {"train": y[:1200], "test": y[1200:]}
loaders = {"train": train, "test": test}
with embedlens.Recorder("runs/plain", labels=labels) as recorder:
    record_embeddings(model, loaders, recorder, epoch=0)
    for epoch in (1, 2):
        for images, targets in train:
            scores = head(model(images))
            loss = torch.nn.functional.cross_entropy(scores, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        metrics = {"loss": loss}
        record_embeddings(
            model, loaders, recorder, epoch=epoch, metrics=metrics
        )
