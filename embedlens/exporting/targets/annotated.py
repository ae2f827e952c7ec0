"""AnnData: one .h5ad file per split, one layer per epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlens.exporting.base import check_room, facts_text, target, without_nul
from embedlens.exporting.contents import row_blocks
from embedlens.files import temporary_file
from embedlens.optional import needed
from embedlens.text import escaped

if TYPE_CHECKING:
    from pathlib import Path

    from embedlens.exporting.contents import Contents, SplitContents

_USE = "writing .h5ad files"


@target("anndata", several=True, reading='anndata.read_h5ad("{out}/{split}.h5ad")')
def write(contents: Contents, folder: Path) -> None:
    """Write SPLIT.h5ad: label, class and items in obs, a layer epoch-EPOCH for each epoch, the last one as X.

    Thumbnails stand in obsm, the method in uns["method"], and run, epochs, steps and class names as JSON in
    uns["embedlens"]. X is a link to the last layer, so it takes no space of its own.
    """
    h5py, anndata = needed("h5py", "files", _USE), needed("anndata", "files", _USE)
    for split in contents:
        check_room(split, folder)
        with temporary_file(folder / f"{split.name}.h5ad") as path, h5py.File(path, "w") as file:
            anndata.io.write_elem(file, "/", _without_layers(split, anndata))
            for epoch in split.epochs:
                layer = _dense(file, f"layers/epoch-{epoch:04d}", split.shape, split.run.info.dtype)
                for rows, block in split.blocks(epoch):
                    layer[rows] = block
            file["X"] = layer
            if split.thumbnails is not None:
                images = _dense(file, "obsm/thumbnails", split.thumbnails.shape, "uint8")
                for rows in row_blocks(split.thumbnails.shape):
                    images[rows] = split.thumbnails[rows]


def _dense(file: Any, name: str, shape: tuple[int, ...], dtype: str) -> Any:
    """Create a data set that AnnData takes for a dense array.

    Notes
    -----
    https://anndata.readthedocs.io/en/latest/fileformat-prose.html
    """
    array = file.create_dataset(name, shape, dtype)
    array.attrs["encoding-type"], array.attrs["encoding-version"] = "array", "0.2.0"
    return array


def _without_layers(split: SplitContents, anndata: Any) -> Any:
    """Return the small contents of a split, which AnnData writes by itself."""
    pandas = needed("pandas", "files", _USE)
    n, dim = split.shape
    columns = {
        "label": split.labels,
        "class": pandas.Categorical([without_nul(name) for name in split.classes]),
    }
    for name, texts in split.item_columns(*columns, "_index").items():
        free = _key(name)
        while free in columns:
            free += "_"
        columns[free] = pandas.Series([without_nul(text) for text in texts], dtype=object).to_numpy()
    return anndata.AnnData(
        obs=pandas.DataFrame(columns, index=[str(row) for row in range(n)]),
        var=pandas.DataFrame(index=[str(number) for number in range(dim)]),
        uns={"embedlens": facts_text(split), "method": _plain(split.run.method)},
        shape=(n, dim),
    )


def _key(name: str) -> str:
    """Return a name that HDF5 takes for one of its own: no path, and not the group itself."""
    key = escaped(name).replace("/", "_")
    return key if key.strip(".") else "_"


def _plain(method: dict[str, Any]) -> dict[str, Any]:
    """Return the entries of a method that HDF5 can hold: texts, numbers, and dictionaries of these."""
    kept: dict[str, Any] = {}
    for key, value in method.items():
        name = _key(key)
        if isinstance(value, dict):
            kept[name] = _plain(value)
        elif isinstance(value, (bool, int, float)):
            kept[name] = value
        elif isinstance(value, str):
            kept[name] = escaped(value)
    return kept
