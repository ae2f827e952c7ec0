"""Processor time of a training step of two losses, measured in turn in one process on one thread."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 15
PAIRS = 192


def step_times(data: str = "glyphs", *, pairs: int = PAIRS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Return the median milliseconds of a step, and of the loss alone, with N-pair and with triplet.

    A step is the network on 2 N images, the loss, its gradient, and the step of Adam; reading and
    augmentation are left out. Both losses see the same batches of N pairs; triplet takes a random negative
    for every positive pair.
    """
    import torch

    names = {"triplet": "random", "n-pair-mc": None}
    times: dict[str, dict[str, list[float]]] = {name: {"step": [], "loss": []} for name in names}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        losses = {
            name: _stages(data, name, mining=mining, pairs=pairs) for name, mining in names.items()
        }  # fmt: skip
        for number in range(rounds + 1):
            for name, (step, loss) in losses.items():
                for what, call in (("step", step), ("loss", loss)):
                    begun = time.process_time()
                    call(number)
                    if number:  # the first round warms up
                        times[name][what].append(1000 * (time.process_time() - begun))
    finally:
        torch.set_num_threads(threads)
    medians = {
        name: {what: round(statistics.median(some), 2) for what, some in found.items()}
        for name, found in times.items()
    }
    return {"items": 2 * pairs, "rounds": rounds, "milliseconds": medians}


def _stages(
    data: str, loss: str, *, mining: str | None, pairs: int
) -> tuple[Callable[[int], None], Callable[[int], None]]:
    """Return a whole training step, and the loss with its gradient on an embedding alone."""
    import torch

    from embedlens.training.backbones import build_backbone
    from embedlens.training.config import TrainConfig
    from embedlens.training.methods import MethodInputs, build_method
    from embedlens.training.optimisation import Stepper

    config = TrainConfig(
        data=data, loss=loss, mining=mining, classes_per_batch=pairs, items_per_class=2, lr=0.001
    )
    split = config.load_data().splits["train"]
    torch.manual_seed(0)
    backbone = build_backbone(config, config.load_data(), workers=0)
    method = build_method(MethodInputs(config, backbone, split.labels)).train()
    stepper = Stepper(config, method, torch.device("cpu"))
    sampler = config.build_sampler(split.labels)

    def batch(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows = sampler.draw(1, number)
        pixels = torch.from_numpy(split.images.pixels[rows]).float() / 255
        return pixels.reshape(len(rows), 1, *pixels.shape[1:3]), torch.from_numpy(split.labels[rows])

    def step(number: int) -> None:
        images, labels = batch(number)
        value, _ = method.loss(method.network(images), labels, None)
        stepper.backward(value)
        stepper.step()

    def alone(number: int) -> None:
        labels = torch.from_numpy(split.labels[sampler.draw(1, number)])
        z = torch.randn(len(labels), config.dim, requires_grad=True)
        value, _ = method.loss(z, labels, None)
        value.backward()

    return step, alone
