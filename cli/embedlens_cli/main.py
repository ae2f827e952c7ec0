"""The program: its commands and exit statuses. Of the commands only the typed one is imported."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from embedlens import __version__
from embedlens_cli.common import ending, interrupts, panels
from embedlens_cli.common import library_warnings as warned
from embedlens_cli.common.commands_by_name import CommandsByName, Entry

_SPINS = "5000"

FORMER_NAMES = {"new-label": "unknown-class", "new-threshold": "unknown-threshold"}
"""Former names of options, which are still read."""


class _LazyProgram(panels.PanelProgram):
    """The program, whose commands are loaded when they are used."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = CommandsByName(_COMMANDS)


app = typer.Typer(
    name="embedlens",
    cls=_LazyProgram,
    help="See, measure and print what training did to an embedding space.",
    epilog="Start with: embedlens demo",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "token_normalize_func": lambda name: FORMER_NAMES.get(name, name),
    },
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"embedlens {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")
    ] = False,
) -> None:
    """Nothing is done before the command; the options act where they are read."""


_COMMANDS = (
    Entry(panels.START, "demo", "What does embedlens show? Two small runs, with the main figures.",
          "demo"),
    Entry(panels.LOOK, "scatter.command", "Is each item nearer to its own class than to any other?",
          "scatter mine --animate"),
    Entry(panels.LOOK, "trajectory", "How do single triplets move from epoch to epoch?",
          "trajectory mine other --worst 4"),
    Entry(panels.LOOK, "distances", "How far are triplets from the ideal, and in which run less?",
          "distances mine other --split test"),
    Entry(panels.LOOK, "drift.command", "How much does a space change between epochs, and between runs?",
          "drift mine other --k 1,10"),
    Entry(panels.LOOK, "spectrum.command", "How many dimensions does an embedding use?",
          "spectrum mine other --log"),
    Entry(panels.LOOK, "components", "Which classes do single principal components separate?",
          "components mine --component 1,2"),
    Entry(panels.LOOK, "pca_prune", "How many principal components does retrieval need?",
          "pca-prune mine --dims 64,32,16,8"),
    Entry(panels.LOOK, "tsne.command", "Which items and classes are neighbours? A map by t-SNE.",
          "tsne mine --sample 2000 --highlight 3,8"),
    Entry(panels.LOOK, "curves.command", "How do loss and scores change in training?",
          "curves mine other --metrics test_recall_at_1"),
    Entry(panels.LOOK, "sampling.command", "Which pairs do mining strategies select, and what do they teach?",
          "sampling mine --mining random,semi-hard,distance-weighted"),
    Entry(panels.LOOK, "figures", "Which figures does a paper need? All default ones, with LaTeX.",
          "figures mine other --venue icml --out paper"),
    Entry(panels.LOOK, "report", "Which items are the dots? One page to explore in a browser.",
          "report mine other --tsne"),
    Entry(panels.LOOK, "watch.command", "How is a run in training doing? Figures kept up to date.",
          "watch mine --report"),
    Entry(panels.SCORE, "evaluate.command", "How good are retrieval, clustering and class geometry?",
          "evaluate mine other --metrics recall,map_at_r,nmi"),
    Entry(panels.SCORE, "diff.command", "Which items did one run win and another lose?",
          "diff mine other --split test"),
    Entry(panels.SCORE, "verify.command", "Are two items of one class? ROC, EER, TAR at FAR.",
          "verify mine --split test --far 0.01,0.1"),
    Entry(panels.SCORE, "identify", "Which items belong to no known class? MAP@5 by threshold.",
          "identify mine --split test --unknown-class new_whale"),
    Entry(panels.SCORE, "compress.command", "How few bytes per item does retrieval need? Codes compared.",
          "compress mine --codes pca,int8,binary,pq"),
    Entry(panels.TRAIN, "train", "What does a loss do to an embedding? One run, every epoch kept.",
          "train --loss epshn --epochs 20 --out runs/mine"),
    Entry(panels.TRAIN, "sweep", "Which loss, learning rate and dimension score best?",
          "sweep --loss triplet,epshn --lr default --seed 0,1,2"),
    Entry(panels.TRAIN, "compare.command", "Does a method score better than its loss alone, over seeds?",
          "compare --loss triplet --method plain,divide-conquer"),
    Entry(panels.BRING_IN, "import_", "How are embeddings of other programs read? Make a run of them.",
          "import 'z_{epoch}.npy' --labels y.npy --out runs/mine"),
    Entry(panels.BRING_IN, "embed", "How do checkpoints become a run? A data set is embedded by each.",
          "embed --model net:load --checkpoints '*.pt' --data digits"),
    Entry(panels.BRING_IN, "concat", "How good are several runs as an ensemble? Join them into a run.",
          "concat mine other --out runs/both"),
    Entry(panels.BRING_IN, "export", "How do other programs read a run? Tables, tensors, TensorBoard.",
          "export mine --to parquet --out mine-parquet"),
    Entry(panels.BRING_IN, "info", "What does a run hold: epochs, splits, classes, method?",
          "info mine --verify"),
)  # fmt: skip
"""Each command with its panel, its module, the question that it answers, and an example of its use."""


def _let_threads_sleep() -> None:
    """Let OpenMP's threads spin for a short time while they wait, unless the user has chosen; torch reads it.

    By default they spin for milliseconds, on cores that other programs could have. An epoch of digits takes
    0.11 s on two quiet cores either way; beside one busy process per core it takes 0.49 s by default, 0.32 s
    so. Threads that never spin cost a quiet machine twice the time.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


def _limit_threads() -> None:
    """Have OpenMP start no more threads than the control group grants processors, unless the user says."""
    from embedlens.processes import available_processors

    if (granted := available_processors()) < (os.cpu_count() or 1):
        os.environ.setdefault("OMP_NUM_THREADS", str(granted))


def _show_notices() -> None:
    """Show on a terminal what takes long."""
    from embedlens.notices import listen

    def show(text: str) -> None:
        from embedlens_cli.common import console

        console.print_message(text)

    if sys.stderr.isatty():
        listen(show)


def main() -> None:
    """Run the command line and exit: 0 done, 2 wrong usage or bad input, 1 internal error."""
    _let_threads_sleep()
    _limit_threads()
    _show_notices()
    debug = "--debug" in sys.argv
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    ending.prepare_streams()
    with warned.collected(), interrupts.kept():
        try:
            code = app(args=arguments or ["--help"], standalone_mode=False)
            ending.flush()
        except SystemExit as error:  # typer ends with 1 by itself where the reader of a pipe leaves
            if not isinstance(error.__context__, BrokenPipeError):
                raise
            code = ending.explain(error.__context__)
        except (Exception, KeyboardInterrupt) as error:
            if debug:
                raise
            code = ending.explain(error)
    if code == ending.INTERRUPTED:
        typer.echo("embedlens: stopped", err=True)
    sys.exit(code if isinstance(code, int) else 0)
