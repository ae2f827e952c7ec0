"""Options that name a column of items.csv: labels, and what leaves the gallery of a query."""

from __future__ import annotations

from typing import Annotated

import typer

from embedlens_cli.common import completion, panels

LabelColumn = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="COLUMN",
        help="Column of items.csv whose values are the labels (super-class, attribute, camera); items "
        "without a value are left out.",
        show_default="labels of the run",
        autocompletion=completion.item_columns,
        rich_help_panel=panels.READ,
    ),
]
Junk = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column of items.csv: a query's gallery has no items of its label that share the value (person "
        "re-identification: camera).",
        show_default="none",
        autocompletion=completion.item_columns,
    ),
]
NotSame = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column of items.csv: a query's gallery has no items that share the value, of any label.",
        show_default="none",
        autocompletion=completion.item_columns,
    ),
]
