"""Options of `tsne`: what is mapped and how it is drawn, and the parameters of t-SNE."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from embedlens.analysis.projection.parameters import Parameters
from embedlens_cli.common import completion, options, panels
from embedlens_cli.common.option_groups import InName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedlens.measurements.maps import MapPlan

_DEFAULT = Parameters()


def _classes_word(whole: bool) -> str:
    return "whole-classes" if whole else "every-class"


def _highlight_word(text: str) -> str:
    return f"highlight-{'+'.join(options.words(text))}" if options.words(text) else ""


@dataclass(frozen=True, kw_only=True)
class MapOptions:
    """Options of the maps and their figures."""

    sample: Annotated[
        int | None,
        typer.Option(help="Number of items to map, drawn by class.", show_default="all items", min=1),
        InName("sample-{}"),
    ] = None
    whole_classes: Annotated[
        bool | None,
        typer.Option(
            "--whole-classes/--every-class",
            help="With --sample: all items of some classes, drawn by --seed, or some items of every class.",
            show_default="whole classes where every class would have fewer than 10 items on average",
        ),
        InName(_classes_word),
    ] = None
    central: Annotated[
        bool,
        typer.Option("--central", help="Subtract the mean of its class from every item first."),
        InName("central"),
    ] = False
    thumbnails: Annotated[
        bool,
        typer.Option("--thumbnails", help="Draw the items' pictures, bordered by class."),
        InName("thumbnails"),
    ] = False
    thumbnail_size: Annotated[
        float,
        typer.Option(help="With --thumbnails: side of a picture, inches.", min=0.05, max=1),
        InName("size-{:g}"),
    ] = 0.2
    synthesised: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Draw N points around the mean of each coloured class from what dvml has learnt of it "
            "(--record-latent).",
            show_default="none",
            min=1,
        ),
        InName("synthesised-{}"),
    ] = None
    color: Annotated[
        str,
        typer.Option(
            help="What colours stand for: class, or what the method recorded of the items, e.g. cluster."
        ),
        InName("color-{}"),
    ] = "class"
    highlight: Annotated[
        str,
        typer.Option(
            help="Classes to colour, comma-separated labels or names.",
            show_default="all, or the eight largest of more than ten",
        ),
        InName(_highlight_word),
    ] = ""
    device: options.Device = "cpu"

    @property
    def highlighted(self) -> list[str]:
        """The classes to colour, as typed."""
        return options.words(self.highlight)


@dataclass(frozen=True, kw_only=True)
class ParameterOptions:
    """The parameters of t-SNE."""

    panel: ClassVar[str] = panels.TSNE
    perplexity: Annotated[
        float | None,
        typer.Option(
            help="Effective number of neighbours; 3 times as many items are needed.",
            show_default=f"{_DEFAULT.perplexity:g}, or (n - 1) / 3 of fewer items",
        ),
    ] = None
    metric: Annotated[
        str,
        typer.Option(
            help="Distance of the normalised embeddings: cosine or euclidean.",
            autocompletion=completion.one_of("cosine", "euclidean"),
        ),
    ] = _DEFAULT.metric
    initialization: Annotated[
        str,
        typer.Option(
            "--init",
            help="Initial map: pca, random or spectral.",
            autocompletion=completion.one_of("pca", "random", "spectral"),
        ),
    ] = _DEFAULT.initialization
    early_exaggeration: Annotated[
        float | None, typer.Option(help="Exaggeration factor of the first phase.", show_default="12")
    ] = _DEFAULT.early_exaggeration
    early_exaggeration_iter: Annotated[int, typer.Option(help="Iterations of the first phase.")] = (
        _DEFAULT.early_exaggeration_iter
    )
    n_iter: Annotated[int, typer.Option(help="Iterations of the second phase.")] = _DEFAULT.n_iter
    exaggeration: Annotated[float, typer.Option(help="Exaggeration factor of the second phase.")] = (
        _DEFAULT.exaggeration
    )
    learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="items / exaggeration")
    ] = _DEFAULT.learning_rate
    initial_momentum: Annotated[float, typer.Option(help="Momentum of the first phase.")] = (
        _DEFAULT.initial_momentum
    )
    final_momentum: Annotated[float, typer.Option(help="Momentum of the second phase.")] = (
        _DEFAULT.final_momentum
    )
    dof: Annotated[
        float, typer.Option(help="Degrees of freedom of the t distribution; below 1: finer clusters.")
    ] = _DEFAULT.dof
    gradient: Annotated[
        str,
        typer.Option(
            help="Gradient method: auto, exact (all pairs), bh (Barnes-Hut) or fft (interpolation).",
            autocompletion=completion.one_of("auto", "exact", "bh", "fft"),
        ),
    ] = _DEFAULT.gradient
    theta: Annotated[float, typer.Option(help="With --gradient bh: greater is faster, 0 is exact.")] = (
        _DEFAULT.theta
    )
    settle_iter: Annotated[
        int,
        typer.Option(
            help="With --animate: maximum number of further iterations until the first map has converged."
        ),
    ] = _DEFAULT.settle_iter
    warm_iter: Annotated[
        int, typer.Option(help="With --animate: maximum number of iterations of each later epoch.")
    ] = _DEFAULT.warm_iter
    n_jobs: Annotated[
        int | None, typer.Option("--threads", help="Threads of t-SNE.", show_default="every core")
    ] = _DEFAULT.n_jobs
    seed: Annotated[int, typer.Option(help="Seed of the initial map and of the sample.", min=0)] = (
        _DEFAULT.seed
    )

    def parameters(self) -> Parameters:
        """Return the checked parameters; wrong ones raise `InputError`."""
        return Parameters(
            **{name: value for name, value in vars(self).items() if name != "perplexity"}
            | ({} if self.perplexity is None else {"perplexity": self.perplexity})
        )


@dataclass(frozen=True, slots=True)
class MapSettings:
    """Settings of all maps.

    Attributes
    ----------
    options
        Options of the maps and their figures.
    parameters
        Those of t-SNE.
    series
        Whether each map of a run starts from the one before.
    adapt
        Whether the perplexity is the default, which is smaller for few items.
    """

    options: MapOptions
    parameters: Parameters
    series: bool
    adapt: bool

    @property
    def passed(self) -> dict[str, Any]:
        """The parameters by name, less the perplexity where the number of items decides on it."""
        values = asdict(self.parameters)
        return {name: value for name, value in values.items() if not (self.adapt and name == "perplexity")}

    def plan(self) -> MapPlan:
        """Return them as the library takes them."""
        from embedlens.figures.style import class_colors
        from embedlens.measurements.maps import MapPlan

        names = ("sample", "whole_classes", "central", "thumbnails", "synthesised", "color", "device")
        return MapPlan(
            parameters=self.passed, coloured=class_colors, series=self.series,
            highlighted=self.options.highlighted, **{name: getattr(self.options, name) for name in names},
        )  # fmt: skip

    def facts(self, perplexities: Iterable[float]) -> dict[str, Any]:
        """Return the entries of every figure's sidecar; `perplexities` are those of the maps."""
        from importlib import metadata

        from embedlens.similarity import engine_facts

        what = self.options
        used = sorted(set(perplexities))
        perplexity = {"perplexity": used[0] if len(used) == 1 else used}
        names = ("sample", "whole_classes", "central", "thumbnails", "thumbnail_size", "color")
        return {
            "parameters": asdict(self.parameters) | perplexity,
            **{name: getattr(what, name) for name in names},
            "distance": "Euclidean, class means subtracted" if what.central else self.parameters.metric,
            "neighbours": "exact, 3 x perplexity",
            "openTSNE": metadata.version("openTSNE"),
            "engine": engine_facts(what.device),
        }


def parameter_words(parameters: Parameters) -> list[str]:
    """Return the parts of file names: parameters that change the map and are not the defaults."""
    changed = {name.replace("_", "-"): value for name, value in parameters.changed().items()}
    changed.pop("n-jobs", None)
    return [
        f"{name}-{value:g}" if isinstance(value, float) else f"{name}-{value}"
        for name, value in changed.items()
    ]
