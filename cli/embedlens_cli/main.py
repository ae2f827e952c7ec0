"""The program: its commands and exit statuses. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from embedlens import __version__
from embedlens_cli.commands import (
    compare,
    components,
    concat,
    curves,
    demo,
    distances,
    identify,
    import_,
    info,
    pca_prune,
    report,
    sweep,
    trajectory,
)
from embedlens_cli.commands import train as training
from embedlens_cli.commands.evaluate import command as scores
from embedlens_cli.commands.sampling import command as sampling
from embedlens_cli.commands.scatter import command as triplets
from embedlens_cli.commands.spectrum import command as spectra
from embedlens_cli.commands.tsne import command as projection
from embedlens_cli.commands.verify import command as verification
from embedlens_cli.common import ending
from embedlens_cli.common import library_warnings as warned

FORMER_NAMES = {"new-label": "unknown-class", "new-threshold": "unknown-threshold"}
"""Former names of options, which are still read."""

app = typer.Typer(
    name="embedlens",
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


app.command("demo")(demo.demo)
app.command("train")(training.train)
app.command("sweep")(sweep.sweep)
app.command("compare")(compare.compare)
app.command("import")(import_.import_)
app.command("concat")(concat.concat)
app.command("info")(info.info)
app.command("scatter")(triplets.scatter)
app.command("trajectory")(trajectory.trajectory)
app.command("distances")(distances.distances)
app.command("spectrum")(spectra.spectrum)
app.command("components")(components.components)
app.command("pca-prune")(pca_prune.pca_prune)
app.command("tsne")(projection.tsne)
app.command("evaluate")(scores.evaluate)
app.command("verify")(verification.verify)
app.command("identify")(identify.identify)
app.command("curves")(curves.curves)
app.command("sampling")(sampling.sampling)
app.command("report")(report.report)


def main() -> None:
    """Run the command line and exit: 0 done, 2 wrong usage or bad input, 1 internal error."""
    debug = "--debug" in sys.argv
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    ending.prepare_streams()
    with warned.collected():
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
