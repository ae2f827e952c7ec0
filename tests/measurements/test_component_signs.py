"""Signs of components from epoch to epoch of a run."""

from __future__ import annotations

import numpy as np
from support import blobs, write_run

from embedlens.analysis.spectrum.components import class_scatter
from embedlens.measurements.component_signs import aligned, sign_correlations
from embedlens.measurements.reader import Reader
from embedlens.measurements.selected import Selected


def test_components_keep_their_sign_from_epoch_to_epoch(tmp_path):
    z, y = blobs()
    runs = [write_run(tmp_path / name, epochs=2) for name in ("one", "two")]
    places = [Selected(run.name, run, "test", epoch, Reader()) for run in runs for epoch in (0, 1)]
    scatter = class_scatter(z, y, [1, 2])
    turned = class_scatter(z * np.array([-1.0] + 7 * [1.0]), y, [1, 2])
    given = dict(zip(places, (scatter, turned, scatter, scatter), strict=True))
    signed = aligned(given)
    for before, after in ((0, 1), (2, 3)):
        for number in (0, 1):
            left, right = (signed[places[at]].values[:, number] for at in (before, after))
            assert left @ right >= 0
    correlations = sign_correlations(signed)
    assert list(correlations) == [places[1], places[3]]  # the first epoch of a run has none before it
    found = correlations[places[3]]["correlation_with_epoch_before"]
    assert list(found) == ["1", "2"]
    assert all(abs(value - 1) < 1e-9 for value in found.values())
