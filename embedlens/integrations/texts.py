"""Texts of splits: their labels, the arguments that encode them, columns of items, the model's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from embedlens.errors import InputError
from embedlens.integrations.recording import pairs_by_split

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 1_000
"""Letters of a text that items.csv has."""
_LOSS = "loss:"


def texts_and_labels(given: Any) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Return texts and labels of each split.

    Parameters
    ----------
    given
        Split name -> (texts, labels).

    Raises
    ------
    InputError
        A split that is no pair; numbers in place of texts; texts and labels of another number.
    """
    for split, one in given.items() if isinstance(given, Mapping) else ():
        if hasattr(one, "column_names"):
            message = f'split {split!r} is a data set d; give its columns, e.g. (d["text"], d["label"])'
            raise InputError(message)
    texts, labels = pairs_by_split(given, "texts", of="texts")
    for split, inputs in texts.items():
        if _is_number(next(iter(inputs), None)):
            message = f"split {split!r}: texts are numbers; give (texts, labels), in this order"
            raise InputError(message)
        n = len(labels[split])
        if len(inputs) != n:
            message = f"split {split!r}: {len(inputs):,} texts and {n:,} labels; give one for each"
            raise InputError(message)
    return {split: list(inputs) for split, inputs in texts.items()}, labels


def encode_by_split(
    encode: Mapping[str, Any] | None, splits: Mapping[str, Any], *, batch_size: int
) -> dict[str, dict[str, Any]]:
    """Return the arguments of ``encode`` for each split.

    Parameters
    ----------
    encode
        The arguments for all splits, or split name -> arguments.
    splits
        The splits of the run, by name.
    batch_size
        Texts per batch, unless the arguments have another one.

    Raises
    ------
    InputError
        A precision whose embeddings are no floating-point numbers.
    """
    given = dict(encode or {})
    apart = bool(given) and all(split in splits and isinstance(one, Mapping) for split, one in given.items())
    default = {"batch_size": batch_size, "show_progress_bar": False}
    by_split = {split: {**default, **(given.get(split, {}) if apart else given)} for split in splits}
    for arguments in by_split.values():
        if (precision := arguments.get("precision", "float32")) != "float32":
            message = f"encode has precision {precision!r}; embeddings are recorded as float32, leave it out"
            raise InputError(message)
    return by_split


def text_columns(texts: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, list[str]]]:
    """Return the column `text` of the items of each split; a split whose inputs are no texts has none."""
    return {
        split: {"text": [text[:LONGEST] for text in inputs]}
        for split, inputs in texts.items()
        if all(isinstance(text, str) for text in inputs)
    }


def described(model: Any) -> dict[str, str]:
    """Return the names of a model of sentence-transformers and of its losses, as far as its card has them."""
    card = getattr(model, "model_card_data", None)
    config = getattr(getattr(model, "transformers_model", None), "config", None)
    name = next(
        (
            getattr(one, key)
            for one, key in ((card, "model_name"), (card, "base_model"), (config, "_name_or_path"))
            if getattr(one, key, None)
        ),
        None,
    )
    tags = getattr(card, "tags", None) or ()
    losses = [tag.removeprefix(_LOSS) for tag in tags if str(tag).startswith(_LOSS)]
    found = {"model": str(name) if name else "", "loss": ", ".join(losses)}
    return {key: value for key, value in found.items() if value}


def _is_number(value: Any) -> bool:
    plain = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
    return isinstance(plain, int | float)
