"""What the processes of the distributed tests do: train several small runs, and write down what came out.

    torchrun --nproc-per-node 2 torchrun_script.py FOLDER JOB ...

Each job is a name in `JOBS`. Every process writes what it ended with below FOLDER; what process 0 records is
the run FOLDER/JOB.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from embedlens.errors import InputError
from embedlens.training.backbones.base import BACKBONES, Backbone
from embedlens.training.checkpoint import resumed_config
from embedlens.training.config import TrainConfig
from embedlens.training.distributed import Team
from embedlens.training.inputs import ArrayInputs, View
from embedlens.training.loop import TrainingLoop

ROWS, DIM = 7, 3
_COMMON = {
    "data": "digits", "epochs": 1, "dim": 8, "classes_per_batch": 5, "items_per_class": 17,
    "optimizer": "sgd", "lr": 0.05,
}  # fmt: skip
JOBS = {
    "epshn": {"loss": "epshn", "backbone": "conv", "clip": 0.5, "embedding_l2": 0.01},
    "even": {"loss": "epshn", "backbone": "conv", "items_per_class": 18},
    "proxy-nca": {"loss": "proxy-nca", "backbone": "conv", "lr": 0.01},
    "hard-class": {
        "loss": "n-pair-mc", "sampler": "hard-class", "backbone": "conv", "items_per_class": 2, "lr": 0.01,
    },
    "norm": {"loss": "epshn", "backbone": "norm"},
    "longer": {"loss": "epshn", "backbone": "conv", "epochs": 2},
    "extended": {"loss": "epshn", "backbone": "conv", "epochs": 2},
    "started": {"loss": "proxy-nca", "backbone": "conv", "lr": 0.01, "init": "epshn", "seed": 1},
}  # fmt: skip
STEPS = 10


def _backbone(*layers):
    def build(choice, data, workers):
        module = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), *layers, nn.ReLU(), nn.AvgPool2d(4), nn.Flatten()
        )
        inputs = {
            split: ArrayInputs(part.images.pixels, View(1), mirrored=False)
            for split, part in data.splits.items()
        }
        return Backbone(module, 8 * 16, inputs, pretrained=False)

    return build


def register():
    """Make the networks known by name: one without batch norm, and one with it."""
    BACKBONES.register("conv")(_backbone())
    BACKBONES.register("norm")(lambda *given: _backbone(nn.BatchNorm2d(8))(*given))


def train(folder, job, team):
    """Train a job; write the weights that this process ends with, and what it makes of some images."""
    config = TrainConfig(**{**_COMMON, **JOBS[job]}, processes=team.size)
    if config.init is not None:
        config = replace(config, init=str(folder / config.init))
    path = folder / job
    if job == "extended":
        _run(TrainConfig(**{**_COMMON, **JOBS[job], "epochs": 1}, processes=team.size), path, team)
        config = resumed_config(path, config.epochs)
    trainer = _run(config, path, team, resume=job == "extended")
    trainer.method.eval()
    rows = np.arange(0, 800, 31)
    inputs = trainer._inputs["train"]
    with torch.inference_mode():
        seen = trainer.method(inputs.prepare(inputs.read(rows, None), None))
    state = {"weights": trainer.method.state_dict(), "rows": rows, "seen": seen, "stopped": trainer.stopped}
    torch.save({**state, "steps": trainer.method.steps}, folder / f"{job}-{team.rank}.pt")


def _run(config, path, team, *, resume=False):
    trainer = TrainingLoop(config, path, team=team, resume=resume)
    trainer.run(
        lambda embeddings, labels: {"items": float(sum(map(len, labels.values())))}, lambda step: None
    )
    return trainer


def numbers():
    """Rows [ROWS, DIM] that are gathered, and a function of all of them whose gradient mixes the rows."""
    generator = torch.Generator().manual_seed(3)
    return torch.randn(ROWS, DIM, generator=generator, dtype=torch.float64)


def mixed(rows):
    return (rows @ rows.T).pow(3).sum() + rows.sin().sum()


def gather(folder, team):
    """Gather the rows of all, and write the gradient that flows back to one's own."""
    own = numbers()[team.rows_of(ROWS)].clone().requires_grad_()
    rows = team.gather(own, ROWS)
    mixed(rows).backward()
    collected = team.collect(own.detach().float().numpy(), ROWS)
    few = team.collect(own.detach().float().numpy()[: int(team.leads)], 1)
    state = {
        "rows": rows.detach(), "gradient": own.grad, "collected": torch.from_numpy(collected),
        "few": torch.from_numpy(few), "told": team.broadcast(f"by {team.rank}"),
        "led": team.led(lambda: team.rank),
    }  # fmt: skip
    torch.save(state, folder / f"gather-{team.rank}.pt")


def refuse(folder, team):
    """Train over a run that is there; write what this process is told, and leave with its exit code."""
    try:
        train(folder, "epshn", team)
    except InputError as error:
        (folder / f"refused-{team.rank}.txt").write_text(f"{type(error).__name__}: {error}")
        until = time.monotonic() + 20  # torchrun ends the others as soon as one has failed
        while len(list(folder.glob("refused-*.txt"))) < team.size and time.monotonic() < until:
            time.sleep(0.01)


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    register()
    folder, jobs = Path(sys.argv[1]), sys.argv[2:]
    with Team.of_torchrun("cpu") as team:
        gather(folder, team)
        for job in jobs:
            train(folder, job, team)
        if jobs:
            refuse(folder, team)
    (folder / f"threads-{team.rank}.txt").write_text("\n".join(threads()))


def threads():
    """Names of the threads of this process, as Linux has them; elsewhere none."""
    return sorted(path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm"))


if __name__ == "__main__":
    main()
