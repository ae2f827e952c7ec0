"""Optimisers, and their steps with learning rate, mixed precision and gradient clipping."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

from embedlens.errors import InputError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from embedlens.training.choices import OptimisationChoice


def build_optimizer(chosen: OptimisationChoice, module: torch.nn.Module) -> torch.optim.Optimizer:
    """Return the optimiser of all trained parameters of a module."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    given: dict[str, Any] = {"lr": chosen.lr, "weight_decay": chosen.weight_decay}
    if chosen.optimizer == "sgd":
        return torch.optim.SGD(parameters, momentum=0.9, **given)
    kinds: dict[str, type[torch.optim.Optimizer]] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "rmsprop": torch.optim.RMSprop,
    }
    return kinds[chosen.optimizer](parameters, **given)


class Stepper:
    """Steps of an optimiser with the options of a configuration.

    Parameters
    ----------
    chosen
        Optimiser, schedule, clipping and precision.
    module
        Module whose parameters are trained.
    device
        Device of the parameters.

    Raises
    ------
    InputError
        float16 on another device than CUDA.
    """

    def __init__(self, chosen: OptimisationChoice, module: torch.nn.Module, device: torch.device) -> None:
        if chosen.precision == "float16" and device.type != "cuda":
            message = f"--precision float16 needs --device cuda; on {device.type} there is bfloat16"
            raise InputError(message)
        self.optimizer = build_optimizer(chosen, module)
        self.scaler = torch.amp.GradScaler(device.type, enabled=chosen.precision == "float16")
        self._chosen = chosen
        self._device = device

    def precision(self) -> AbstractContextManager[Any]:
        """Return the context in which the network runs."""
        if self._chosen.precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, dtype=getattr(torch, self._chosen.precision))

    def set_rate(self, epoch: int, step: int, *, steps: int) -> float:
        """Set the learning rate of a step, and return it."""
        rate = self._chosen.lr_of_step(epoch, step, steps=steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def backward(self, loss: torch.Tensor) -> None:
        """Compute the gradients of a loss; earlier ones are cleared."""
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def step(self) -> dict[str, float]:
        """Clip gradients and take the step; return the norm of the gradient if clipping is on.

        In float16 a step whose gradients overflow is skipped, and the loss scale is reduced.
        """
        logs = {}
        if self._chosen.clip is not None:
            self.scaler.unscale_(self.optimizer)
            parameters = [value for group in self.optimizer.param_groups for value in group["params"]]
            norm = float(torch.nn.utils.clip_grad_norm_(parameters, self._chosen.clip))
            logs["gradient_norm"] = norm
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return logs

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint; those of earlier versions have no scaler."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state.get("scaler") or self.scaler.state_dict())
