"""Stores of the real libraries that lack something: blocks that were not written, the name of a layer."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from support import blobs, optional

from embedlens import InputError
from embedlens.errors import InputWarning
from embedlens.importing import ImportSource, import_run

zarr, anndata = optional("zarr"), optional("anndata")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*[Zz]arr.*")]
Z, Y = blobs(n=60, classes=6)


def test_blocks_that_are_missing_are_no_zeros(folder):
    np.save("y.npy", Y)
    zarr.create_array("z.zarr", data=Z.astype(np.float32), chunks=(20, 8))
    source = ImportSource("z.zarr", "y.npy")
    import_run(source, folder / "whole")
    shutil.rmtree("z.zarr/c/1")
    with (
        pytest.warns(InputWarning, match=r"1 of 3 blocks are missing and read as 0"),
        pytest.raises(InputError),
    ):
        import_run(source, folder / "run")  # rows of zeros have no direction
    shutil.rmtree("z.zarr/c")
    with pytest.raises(InputError, match="z.zarr has none of its 3 blocks"):
        import_run(source, folder / "run")


def test_anndata_names_its_embeddings_where_there_are_several(folder):
    import pandas as pd

    cells = anndata.AnnData(X=Z, obs=pd.DataFrame({"label": Y}, index=[f"c{row}" for row in range(60)]))
    cells.write_h5ad("cells.h5ad")
    import_run(ImportSource("cells.h5ad"), folder / "run")
    cells.obsm["X_model"] = Z[:, :4]
    cells.write_h5ad("cells.h5ad")
    with pytest.raises(InputError, match=r"several arrays; choose one by its key: X, obsm/X_model"):
        import_run(ImportSource("cells.h5ad"), folder / "other")
    with pytest.raises(InputError, match=r"has no array 'X_modl'; .*; did you mean 'obsm/X_model'\?"):
        import_run(ImportSource("cells.h5ad", key="X_modl"), folder / "other")


def test_a_truncated_file_is_one_whole_sentence(folder):
    import h5py

    with h5py.File("z.h5", "w") as file:
        file["z"] = Z
    content = (folder / "z.h5").read_bytes()
    (folder / "z.h5").write_bytes(content[: len(content) // 2])
    np.save("y.npy", Y)
    with pytest.raises(InputError, match=r"z.h5 is not a readable HDF5 file \([^()]+\); write it again$"):
        import_run(ImportSource("z.h5", "y.npy"), folder / "run")
