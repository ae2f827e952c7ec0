"""What the tests of Accelerate train, in one process or several; run as a script, it is one of them."""

from __future__ import annotations

import gc
import os
import random

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from support import blobs
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from embedlens import Recorder
from embedlens.integrations import record_embeddings
from embedlens.store import Ranks

N = 103
X, Y = (torch.from_numpy(array) for array in blobs(n=N))
DATA = TensorDataset(X, Y, torch.arange(N))


class Stream(IterableDataset):
    def __iter__(self):
        yield from ((X[row], Y[row], row) for row in reversed(range(N)))


def network():
    torch.manual_seed(0)
    hidden = (torch.nn.LayerNorm(16), torch.nn.Dropout(0.5))
    return torch.nn.Sequential(torch.nn.Linear(8, 16), *hidden, torch.nn.Linear(16, 4))


def trained(path=None, *, rows=None, **options):
    """Train two epochs with Accelerate, recorded at a path if there is one; return the weights of each.

    With `rows`, a data set that is a stream is recorded too.
    """
    accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(**options))
    model = network()
    model, optimizer, train, test, stream = accelerator.prepare(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1),
        DataLoader(DATA, 16, shuffle=True),
        DataLoader(DATA, 16),
        DataLoader(Stream(), 16),
    )
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(3)
    loaders = {"train": train, "test": test, "stream": stream}
    ranks = Ranks.of_torch() if accelerator.num_processes > 1 else None
    if rows is None:
        del loaders["stream"]
    recorder = path and Recorder(path, labels=dict.fromkeys(loaders, Y), ranks=ranks)
    states = []
    for epoch in range(3):
        for x, y, _ in train if epoch else ():
            noise = 0.1 * (random.random() + np.random.random())  # noqa: NPY002
            loss = torch.nn.functional.cross_entropy(model(x + noise * torch.rand_like(x)), y % 4)
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
        if recorder:
            record_embeddings(model, loaders, recorder, epoch=epoch, rows=rows)
        inner = accelerator.unwrap_model(model)
        states.append({name: value.clone() for name, value in inner.state_dict().items()})
    if recorder:
        recorder.close()
    return states


if __name__ == "__main__":
    torch.set_num_threads(1)
    for rows in (None, 2):
        with_it, without = trained(f"run-{rows}", rows=rows), trained(rows=rows)
        for one, other in zip(with_it, without, strict=True):
            assert all(torch.equal(one[name], other[name]) for name in one)
        if int(os.environ["RANK"]) == 0:
            torch.save(with_it, f"weights-{rows}.pt")
    gc.collect()  # cycles around DistributedDataParallel hold the group, whose threads can abort the end
    torch.distributed.destroy_process_group()
