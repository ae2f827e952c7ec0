"""The runs of a grid: their names, and what is recorded of each."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch

from embedlens.errors import InputError
from embedlens.objectives.losses import loss_class, loss_options
from embedlens.objectives.miners import mining_options
from embedlens.store import open_run
from embedlens.store.format import info_file
from embedlens.store.log import epoch_of
from embedlens.store.ownership import is_unbegun
from embedlens.training.config import TrainConfig
from embedlens.training.initial import InitialWeights, read_initial, start_backbone
from embedlens.training.methods import MethodInputs, build_method

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from embedlens.store import Run
    from embedlens.training.backbones import Backbone


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of a grid.

    Attributes
    ----------
    path
        Its directory.
    config
        What it is trained with.
    recorded
        Its last epoch with snapshots and a row in the log; -1 where there is none yet.
    """

    path: Path
    config: TrainConfig
    recorded: int

    @property
    def finished(self) -> bool:
        """Whether the epochs of the grid are recorded; there may be more."""
        return self.recorded >= self.config.epochs


def run_name(config: TrainConfig) -> str:
    """Return the name of a run in any grid: data, loss, learning rate, dims and seed, whatever varies.

    An order of the loss other than the first, and mining and batches other than the defaults, are named, too,
    and whether another run is the start. Runs that differ in anything else have one name; `plan` keeps them
    apart.
    """
    lr = repr(float(config.lr)).removesuffix(".0")
    start = "-init" if config.init else ""
    return f"{config.data}-{config.recipe_name}{start}-lr{lr}-dim{config.dim}-seed{config.seed}"


def plan(configs: Iterable[TrainConfig], folder: Path, *, any_threads: bool) -> list[PlannedRun]:
    """Return the runs of a grid below `folder`; nothing is written.

    Parameters
    ----------
    configs
        The grid.
    folder
        Where the runs stand.
    any_threads
        Whether a started run may resume with the number of threads that it was started with.

    Raises
    ------
    InputError
        Something else, or a run of another configuration, stands where a run of the grid belongs. The number
        of epochs may differ: a shorter run is resumed, a longer one has the epochs that are needed. Weights
        to start from that cannot be read, or a run that started from others.
    """
    known: dict[str, InitialWeights] = {}
    started = [_started(config, known) for config in configs]
    return [_planned(config, folder / run_name(config), any_threads=any_threads) for config in started]


def _started(config: TrainConfig, known: dict[str, InitialWeights]) -> TrainConfig:
    """Return a configuration with the SHA-256 of the checkpoint that it starts from: all runs take one."""
    if config.init is None:
        return config
    if config.init not in known:
        known[config.init] = read_initial(config)
    return replace(config, init=known[config.init].path, init_sha256=known[config.init].sha256)


def plan_one(config: TrainConfig, path: Path, *, any_threads: bool) -> PlannedRun:
    """Return a run of a grid with a path of its own, as `plan` does."""
    return _planned(config, path, any_threads=any_threads)


def check_grid(configs: Sequence[TrainConfig]) -> None:
    """Load the data and build network, loss and batches of each run, so that errors precede any training.

    Raises
    ------
    InputError
        Whatever `load_dataset`, `start_backbone`, `build_loss`, `build_sampler` and `build_method` refuse.
    """
    data = configs[0].load_data()
    labels = data.splits["train"].labels
    methods: set[str] = set()
    backbones: dict[str | None, Backbone] = {}  # a grid has one, from one run or none
    for config in configs:
        config.build_loss()
        config.build_sampler(labels)
        alike = repr((config.method, config.method_options, config.loss, config.dim, config.init))
        if alike in methods or (config.method == "plain" and config.init in backbones):
            continue
        methods.add(alike)
        with torch.random.fork_rng():
            if config.init not in backbones:
                initial = None if config.init is None else read_initial(config)
                backbones[config.init] = start_backbone(config, data, initial=initial)
            build_method(MethodInputs(config, backbones[config.init], labels))


def _planned(config: TrainConfig, path: Path, *, any_threads: bool) -> PlannedRun:
    """Compare what stands at `path` with what belongs there."""
    config.build_loss()
    if not path.exists() or (path.is_dir() and not info_file(path).is_file() and is_unbegun(path)):
        return PlannedRun(path, config, -1)
    run = open_run(path)
    try:
        found = TrainConfig.from_method(run.method)
    except InputError as error:
        raise error.within(str(path)) from error
    wanted = replace(config, threads=found.threads) if any_threads else config
    _check_same(wanted, found, run)
    return PlannedRun(path, wanted, _last_logged(run))


def _last_logged(run: Run) -> int:
    """Return the last epoch that has its snapshots and the trainer's row in the log; -1 where none has.

    A run that was stopped between the two is not finished.
    """
    rows = run.log
    stepped = any(row.get("step") is not None for row in rows)  # the trainer's rows, unless they are old
    logged = {epoch_of(row) for row in rows if row.get("step") is not None or not stepped}
    return max(logged & set(run.epochs()), default=-1)


def _check_same(wanted: TrainConfig, found: TrainConfig, run: Run) -> None:
    """Refuse a run of another configuration, and name the first difference."""
    limited = wanted.build_sampler(run.labels("train"))
    requested = _compared(replace(wanted, classes_per_batch=limited.classes, items_per_class=limited.items))
    for name, value in _compared(found).items():
        if name == "init_sha256" and value != requested[name]:
            message = (
                f"run {run.path} was started from {_start_text(found)}, not {_start_text(wanted)}; choose "
                "another folder with --out, or the same --init"
            )
            raise InputError(message)
        if value != requested[name]:
            message = (
                f"run {run.path} was trained with {name} {value}, not {requested[name]}; "
                "choose another folder with --out, or the same options"
            )
            raise InputError(message)


def _compared(config: TrainConfig) -> dict[str, Any]:
    """Return what two configurations are compared by: all but the epochs, options of the loss filled in.

    Of weights to start from their checksum: the run that they are taken from may have moved.
    """
    apart = ("epochs", "init", "loss_options", "mining", "mining_options", "sampler")
    values = {field.name: getattr(config, field.name) for field in fields(config) if field.name not in apart}
    mining = config.mining or loss_class(config.loss).default_mining
    mined = {f"mining {name}": value for name, value in _mining(config, mining).items()}
    own = {**loss_options(config.loss), **config.loss_options}
    return {**values, "sampler": config.batches, "mining": mining, **mined, **own}


def _start_text(config: TrainConfig) -> str:
    """Return what a run starts from, in words."""
    if config.init_sha256 is None:
        return "no other run"
    return f"the checkpoint of {config.init} with SHA-256 {config.init_sha256[:12]}"


def _mining(config: TrainConfig, name: str | None) -> dict[str, Any]:
    """Return the options of the mining, filled in."""
    return {} if name is None else {**mining_options(name), **config.mining_options}
