"""Runs of a comparison: losses alone and under methods, and the run that their weights are taken from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError, listed
from embedlens.experiments import grid_runs
from embedlens.experiments.grid_runs import PlannedRun
from embedlens.experiments.grid_training import check_runs
from embedlens.training.methods import METHODS, default_loss, method_options
from embedlens.training.methods.base import DEFAULT_DIM

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from embedlens.experiments.presets import Preset
    from embedlens.experiments.recipe import Recipe
    from embedlens.training.config import TrainConfig


@dataclass(frozen=True, slots=True)
class Way:
    """A loss alone, or under a method.

    Attributes
    ----------
    loss
        None: the method's own.
    added
        Whether it was not asked for, and is a row as the baseline of a method with a loss of its own.
    """

    method: str
    loss: str | None
    added: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        """Its name in tables and figures."""
        if self.loss is None:
            return self.method
        return self.loss if self.method == "plain" else f"{self.loss} + {self.method}"

    @property
    def group(self) -> str:
        """The loss that it trains with, within which it is compared."""
        return default_loss(self.method) if self.loss is None else self.loss


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run of the comparison."""

    way: Way
    run: PlannedRun

    @property
    def facts(self) -> dict[str, Any]:
        """What it is compared as, path, seed, and how it is trained."""
        config = self.run.config
        path = self.run.path.as_posix()
        return {"name": self.way.name, "path": path, "seed": config.seed, "method": config.as_method()}


@dataclass(frozen=True, slots=True)
class Requests:
    """What the user chose of the training; a preset has the rest.

    Attributes
    ----------
    preset
        None: the recipe has everything.
    typed
        Names of the options that the user gave, which win over the preset.
    dim
        Dimensions of the embedding; None: the default of each method.
    lr
        Learning rate; None: the default of each loss.
    """

    preset: Preset | None = None
    typed: Collection[str] = field(default_factory=frozenset)
    dim: int | None = None
    lr: float | None = None

    def config(self, way: Way, recipe: Recipe, seed: int) -> TrainConfig:
        """Return the configuration of a run."""
        own = recipe.under(way.method)
        loss, factor = way.loss or own.default_loss, 1.0
        if self.preset is not None:
            regime = self.preset.regime(way.method, loss)
            trained = {"epochs": regime.epochs, **regime.training}
            chosen = {name: value for name, value in trained.items() if name not in self.typed}
            shared = {**own.shared, **chosen}
            options = {**regime.options_for(shared["epochs"]), **own.shared.get("method_options", {})}
            own = replace(own, shared={**shared, "method_options": options})
            factor = regime.rate_factor
        dim = own.default_dim if self.dim is None else self.dim
        config = own.config(loss, dim=dim, lr=self.lr, seed=seed)
        return config if self.lr is not None else replace(config, lr=float(f"{factor * config.lr:.6g}"))


def ways_of(methods: Sequence[str], losses: Sequence[str], *, baselines: bool = False) -> list[Way]:
    """Return what is compared, loss by loss: alone, under each method, and the methods whose own loss it is.

    Parameters
    ----------
    methods, losses
        Their names.
    baselines
        Whether the own losses of methods are rows, too, alone, where plain is among the methods.

    Raises
    ------
    InputError
        No method, or an unknown one.
    """
    if not methods:
        message = f"--method names none; choose some of: {', '.join(METHODS.names())}"
        raise InputError(message)
    names = list(dict.fromkeys(methods))
    own = {name: default_loss(name) for name in names if METHODS.get(name).losses is not None}
    free = [name for name in names if name not in own]
    added = [loss for loss in own.values() if baselines and "plain" in free]
    alone = [*(Way(*one) for one in product(free, losses)), *(Way("plain", one, added=True) for one in added)]
    ways = [*alone, *(Way(name, None) for name in own)]
    order = list(dict.fromkeys([*losses, *own.values()]))
    return sorted(dict.fromkeys(ways), key=lambda way: order.index(way.group))


def plan(
    ways: Sequence[Way],
    seeds: Sequence[int],
    recipe: Recipe,
    *,
    folder: Path,
    requests: Requests | None = None,
    start: PlannedRun | None = None,
    any_threads: bool | None = None,
) -> list[ComparedRun]:
    """Return the runs, seed by seed, so that a comparison that is stopped has whole seeds.

    Parameters
    ----------
    ways
        What is compared.
    seeds
        Seeds.
    recipe
        What the runs have in common, with the options of all methods.
    folder
        Folder of the runs.
    requests
        Preset, dims and learning rate; None: the recipe, at the defaults of losses and methods.
    start
        The run that weights are taken from, of `plan_pretraining`; None: what the recipe says. Where it is
        not trained yet, the runs are new, whatever stands at their paths.
    any_threads
        As of `embedlens.experiments.grid_runs.plan`; None: where the recipe has no number of threads.

    Raises
    ------
    InputError
        An option that no method of the comparison has, or a run that stands in the way.
    """
    named = {way.method for way in ways}
    for option in recipe.shared.get("method_options", {}):
        if not any(option in method_options(name) for name in named):
            message = f"no method of the comparison has an option {option!r}; leave it out"
            raise InputError(message)
    if start is not None:
        recipe = replace(recipe, shared={**recipe.shared, "init": str(start.path.resolve())})
    pairs = list(product(seeds, ways))
    configs = [(requests or Requests()).config(way, recipe, seed) for seed, way in pairs]
    if start is not None and not start.finished:
        planned = [PlannedRun(folder / grid_runs.run_name(config), config, -1) for config in configs]
    else:
        any_number = recipe.threads is None if any_threads is None else any_threads
        planned = grid_runs.plan(configs, folder, any_threads=any_number)
    return [ComparedRun(way, run) for (_, way), run in zip(pairs, planned, strict=True)]


def plan_pretraining(
    recipe: Recipe,
    folder: Path,
    *,
    preset: Preset,
    epochs: int | None = None,
    any_threads: bool | None = None,
) -> PlannedRun | None:
    """Return the run that the weights of a preset are taken from; None where it needs none.

    It is one plain run of seed 0, whose backbone all rows and seeds share, as papers share the weights of
    ImageNet. A recipe that starts from another run (`init`) or from pretrained weights needs none.

    Parameters
    ----------
    recipe
        What the runs have in common.
    folder
        Folder of the runs.
    preset
        The preset.
    epochs
        Epochs of it; None: those of the preset.
    any_threads
        As of `plan`.

    Raises
    ------
    InputError
        A run that stands in the way, or was trained for more epochs.
    """
    wanted = preset.pretraining_epochs if epochs is None else epochs
    kind = recipe.value("backbone").partition(":")[0]
    if not wanted or recipe.shared.get("init") or kind == "features":
        return None
    if kind == "timm" and (recipe.value("pretrained") or recipe.value("weights")):
        return None
    apart = ("sampler", "mining", "epochs", "method_options")
    shared = {name: value for name, value in recipe.shared.items() if name not in apart}
    alone = replace(recipe, shared={**shared, "method": "plain", "epochs": wanted}, mining_options={})
    config = alone.config(preset.pretraining_loss, dim=DEFAULT_DIM, seed=0)
    name = grid_runs.run_name(config).removeprefix(config.data)
    path = folder / f"{config.data}-pretraining-{wanted}-epochs{name}"
    any_number = recipe.threads is None if any_threads is None else any_threads
    found = grid_runs.plan_one(config, path, any_threads=any_number)
    if found.recorded > wanted:
        message = (
            f"run {path} was trained for {found.recorded} epochs, not {wanted}, and its weights are those of "
            "the last; choose another folder with --out, or start from it with --init"
        )
        raise InputError(message)
    return found


def trainable(
    runs: Sequence[ComparedRun],
    *,
    leave_out: bool,
    warn: Callable[[str], None],
    typed: Collection[str] = (),
) -> tuple[list[ComparedRun], dict[str, str]]:
    """Return the runs that can be trained on the data, and why others cannot, by name of the row.

    Parameters
    ----------
    runs
        The runs of the comparison.
    leave_out
        Whether what cannot be trained is left out; else it is refused.
    warn
        Called with each row that is left out.
    typed
        Names of the options that the user gave: a row whose method has one of them is not left out.

    Raises
    ------
    InputError
        What `check_runs` refuses, before anything is trained.
    """
    fresh = [replace(one.run, config=replace(one.run.config, init=None)) for one in runs]
    _, refused = check_runs(fresh, every=leave_out, warn=lambda text: None)
    reasons = {one.way.name: refused[one.run.path] for one in runs if one.run.path in refused}
    for way in dict.fromkeys(one.way for one in runs if one.way.name in reasons):
        if not method_options(way.method).keys().isdisjoint(typed):
            message = f"{way.name} cannot be trained with the options given: {reasons[way.name]}"
            raise InputError(message)
    for name, reason in reasons.items():
        warn(f"{name} is left out, since it cannot be trained with these data and options: {reason}")
    left_out = reasons | _needless(runs, reasons)
    return [one for one in runs if one.way.name not in left_out], left_out


def _needless(runs: Sequence[ComparedRun], reasons: Mapping[str, str]) -> dict[str, str]:
    """Return the baselines of rows that are left out alone, and why they are left out, too."""
    compared = {one.way.group for one in runs if one.way.name not in reasons and not one.way.added}
    needless = {one.way for one in runs if one.way.added and one.way.group not in compared}
    of = {way: {one.way.name for one in runs if one.way.group == way.group} - {way.name} for way in needless}
    return {
        way.name: f"it is the baseline of {listed(sorted(of[way]))} alone"
        for way in needless if way.name not in reasons
    }  # fmt: skip
