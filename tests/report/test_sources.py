"""What a report shows of runs: triplets of every epoch, samples, key epochs, galleries, other items."""

from __future__ import annotations

import numpy as np
import pytest
from report_support import places_of, record
from support import blobs, brute_force, write_run

import embedlens
from embedlens import InputError
from embedlens.report import Extent, gather, paper_figures

PLAIN = Extent(figures=False)


def test_every_triplet_of_every_epoch_is_that_of_plain_loops(tmp_path):
    run = record(tmp_path / "a")
    (dataset,) = gather(places_of(run), PLAIN).datasets
    assert dataset.rows.tolist() == list(range(60))
    (series,) = dataset.series
    assert series.epochs == [0, 1, 2]
    for number, epoch in enumerate(series.epochs):
        snapshot = run.snapshot("test", epoch)
        expected = brute_force(snapshot.embeddings, snapshot.labels)
        assert series.positive[number].tolist() == [positive for _, (_, positive), _ in expected]
        assert series.negative[number].tolist() == [negative for *_, (_, negative) in expected]
        assert series.s_ap[number] == pytest.approx([s for _, (s, _), _ in expected], abs=1e-12)
        assert series.s_an[number] == pytest.approx([s for *_, (s, _) in expected], abs=1e-12)
        below = np.mean([positive[0] > negative[0] for _, positive, negative in expected])
        assert series.summaries[number]["recall_at_1"] == pytest.approx(below)


def test_runs_of_the_same_items_are_linked_and_keep_their_order(tmp_path):
    runs = [record(tmp_path / name, seed=seed) for seed, name in enumerate("ab")]
    data = gather(places_of(*runs), PLAIN)
    assert [run.name for run in data.runs] == ["a", "b"]
    assert data.runs[0].color != data.runs[1].color
    assert data.messages == []
    assert [series.run for series in data.datasets[0].series] == [0, 1]


def test_runs_of_other_items_stand_apart_and_the_page_says_so(tmp_path):
    one = record(tmp_path / "a")
    two = record(tmp_path / "b", n=48)
    data = gather(places_of(one, two), PLAIN)
    assert [[series.run for series in dataset.series] for dataset in data.datasets] == [[0], [1]]
    assert data.datasets[1].rows.size == 48
    assert len(data.messages) == 1
    assert "different items (a; b)" in data.messages[0]


def test_splits_are_datasets_of_their_own(tmp_path):
    data = gather(places_of(write_run(tmp_path / "a")), PLAIN)
    assert [dataset.items.split for dataset in data.datasets] == ["train", "test"]


def test_queries_search_their_gallery(tmp_path):
    (zq, yq), (zg, yg) = blobs(n=30), blobs(n=48, seed=3)
    labels, pairs = {"query": yq, "gallery": yg}, {"query": "gallery"}
    with embedlens.Recorder(tmp_path / "a", labels=labels, query_gallery=pairs) as recorder:
        recorder.record(0, {"query": zq, "gallery": zg})
    (dataset,) = gather(places_of(recorder.run, splits=["query"]), PLAIN).datasets
    assert dataset.gallery.split == "gallery"
    unit = [z / np.linalg.norm(z, axis=1, keepdims=True) for z in (zq.astype(float), zg.astype(float))]
    similar = unit[0] @ unit[1].T
    same = yq[:, None] == yg[None]
    assert dataset.series[0].positive[0].tolist() == np.where(same, similar, -2).argmax(1).tolist()
    assert dataset.series[0].negative[0].tolist() == np.where(same, -2, similar).argmax(1).tolist()


def test_items_without_a_positive_are_left_out(tmp_path):
    labels = np.arange(60) % 6
    labels[7] = 99
    (dataset,) = gather(places_of(record(tmp_path / "a", y=labels)), PLAIN).datasets
    assert dataset.rows.tolist() == [row for row in range(60) if row != 7]
    assert dataset.series[0].summaries[0]["n_singletons"] == 1


def test_a_run_without_any_positive_is_refused(tmp_path):
    run = record(tmp_path / "a", n=20, y=np.arange(20))
    with pytest.raises(InputError, match=r"run 'a', split 'test', epoch 0"):
        gather(places_of(run), PLAIN)
    with pytest.raises(InputError, match="one snapshot at least"):
        gather([])


def test_a_sample_is_drawn_by_class_and_stated(tmp_path):
    data = gather(places_of(record(tmp_path / "a")), Extent(sample=18, figures=False))
    (dataset,) = data.datasets
    assert dataset.rows.size == 18
    assert np.all(np.diff(dataset.rows) > 0)
    assert np.bincount(dataset.items.labels[dataset.rows]).tolist() == [3] * 6
    assert dataset.series[0].summaries[0]["n"] == 60
    assert data.messages == ["Split test: 18 of 60 triplets are shown, drawn by class."]


def test_too_many_triplets_become_key_epochs_then_a_sample(tmp_path):
    run = record(tmp_path / "a", epochs=7)
    data = gather(places_of(run), Extent(budget=60 * 3, figures=False))
    assert data.datasets[0].series[0].epochs == [0, 3, 6]
    assert data.datasets[0].rows.size == 60
    assert data.messages == ["3 evenly spaced epochs of 7 are shown."]
    data = gather(places_of(run), Extent(budget=30, figures=False))
    assert data.datasets[0].series[0].epochs == [0]
    assert data.datasets[0].rows.size == 30
    assert len(data.messages) == 2


@pytest.mark.filterwarnings("ignore:perplexity")
def test_maps_have_the_rows_and_epochs_of_the_page(tmp_path):
    (dataset,) = gather(places_of(record(tmp_path / "a")), Extent(tsne=True, figures=False)).datasets
    maps = dataset.series[0].maps
    assert maps.rows.tolist() == dataset.rows.tolist()
    assert maps.epochs == [0, 1, 2]
    assert maps.xy.shape == (3, 60, 2)
    assert np.isfinite(maps.xy).all()


def test_paper_figures_have_their_data(tmp_path):
    runs = [record(tmp_path / name, seed=seed) for seed, name in enumerate("ab")]
    figures = gather(places_of(*runs)).figures
    names = ["distances-test", "spectrum-test", "pca-prune-test", "curves"]
    assert [figure.name for figure in figures] == names
    for figure in figures:
        assert figure.svg.lstrip().startswith("<?xml")
        assert len(figure.csv.splitlines()) > 2


@pytest.mark.parametrize(
    ("dim", "sizes"),
    [
        (512, [64, 128, 256, 512]),
        (64, [8, 16, 32, 64]),
        (10, [8, 10]),
        (8, [1, 2, 4, 8]),
        (2, [1, 2]),
        (1, [1]),
    ],
)
def test_the_pruning_curve_has_four_sizes_at_most(dim, sizes):
    assert paper_figures._sizes(dim) == sizes
