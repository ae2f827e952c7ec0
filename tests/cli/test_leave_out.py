"""Commands that follow triplets, or look at items alone, leave out what the options say."""

from __future__ import annotations

import numpy as np
import pytest
from support import assert_refused, blobs, rows_of, sidecar_of

import embedlens

OPTIONS = ("--ignore-label", "-1", "--distractor-label", "0", "--exclude-duplicates")


def market(path, *, query_gallery=True, epochs=2, seed=0, **options):
    """Record queries and a gallery with junk (-1), distractors (0) and copies of queries and of itself."""
    random = np.random.default_rng(seed)
    y = np.r_[np.arange(24) % 4 + 1, 5]  # the last has no positive
    y_g = np.r_[np.arange(24) % 4 + 1, np.full(6, -1), np.zeros(4, int), np.arange(3) % 4 + 1, 2]
    states = []
    for _ in range(epochs):
        z, z_g = random.normal(size=(25, 5)), random.normal(size=(38, 5))
        z_g[24:30] = z[:6] + 0.05  # junk that is near
        z_g[30:34] = z[6:10] + 0.05  # distractors that are near
        z_g[34:37] = z[:3]  # copies of queries, of their label
        z_g[37] = z_g[1]  # a copy within the gallery
        states.append({"query": z.astype(np.float32), "gallery": z_g.astype(np.float32)})
    with embedlens.Recorder(
        path,
        labels={"query": y, "gallery": y_g},
        query_gallery={"query": "gallery"} if query_gallery else {},
        method={"loss": "none"},
        **options,
    ) as recorder:
        for epoch, state in enumerate(states):
            recorder.record(epoch, state)
    return (y, y_g), states


def cosine(a, b):
    a, b = a.astype(float), b.astype(float)
    return a @ b / np.sqrt((a @ a) * (b @ b))


def nearest(state, labels):
    """Triplets of the market under all three options, by plain loops: query -> positive, negative."""
    (z, z_g), (y, y_g) = (state["query"], state["gallery"]), labels
    found = {}
    for i in range(len(z)):
        best = {True: (-2.0, -1), False: (-2.0, -1)}
        for j in range(len(z_g)):
            copy = y_g[j] == y[i] and (z_g[j] == z[i]).all()
            later = any(y_g[k] == y_g[j] and (z_g[k] == z_g[j]).all() for k in range(j))
            if y_g[j] == -1 or copy or later:
                continue
            same = bool(y_g[j] == y[i])
            best[same] = max(best[same], (cosine(z[i], z_g[j]), j), key=lambda pair: pair[0])
        if best[True][1] >= 0:
            found[i] = best[True][1], best[False][1]
    return found


def dots(state, triplets):
    z, z_g = state["query"], state["gallery"]
    return {i: (cosine(z[i], z_g[p]), cosine(z[i], z_g[n])) for i, (p, n) in triplets.items()}


def ideal(state, triplets):
    return np.array([np.hypot(1 - s_ap, s_an) for s_ap, s_an in dots(state, triplets).values()])


def test_distances_are_to_the_gallery_less_what_is_left_out(program, folder):
    labels, states = market("runs/shop")
    done = program("distances", "shop", *OPTIONS, "--resamples", "50", "--format", "png", "--json")
    assert done.code == 0, done.err
    answer = done.json
    chosen = [nearest(state, labels) for state in states]
    for epoch in (0, 1):
        numbers = answer["summary"]["shop"]["query"][str(epoch)]
        far = ideal(states[epoch], chosen[epoch])
        assert (numbers["n"], numbers["n_singletons"]) == (24, 1)
        assert numbers["mean_distance"] == pytest.approx(far.mean())
        assert numbers["median_distance"] == pytest.approx(np.median(far))
    paired = answer["summary"]["shop"]["query"]["1"]["paired"]
    change = ideal(states[1], chosen[1]) - ideal(states[0], chosen[1])
    assert paired["median_difference"] == pytest.approx(np.median(change))
    assert paired["share_nearer"] == (change < 0).mean()
    sidecar = sidecar_of(answer["data"][0])
    assert sidecar["galleries"] == {"shop": {"query": "gallery"}}
    left = sidecar["left_out"]
    assert left["duplicates_excluded"]
    assert {item["n_ignored"] for item in left["items"]} == {6}
    assert {item["n_duplicates"] for item in left["items"]} == {1}
    assert "ignore-label--1-distractor-label-0-exclude-duplicates" in answer["data"][0]


def test_paths_go_to_the_gallery_less_what_is_left_out(cli, folder):
    labels, states = market("runs/shop", epochs=3)
    words = ("trajectory", "shop", "--anchor", "9,0,23", *OPTIONS, "--format", "png")
    done = cli(*words, "--json")
    assert done.code == 0, done.err
    chosen = nearest(states[2], labels)
    table = rows_of(folder / done.json["data"][0])
    assert [int(row["anchor"]) for row in table] == [9, 9, 9, 0, 0, 0, 23, 23, 23]
    for row, state in zip(table, states * 3, strict=True):
        i, p, n = (int(row[name]) for name in ("anchor", "positive", "negative"))
        assert (p, n) == chosen[i]
        assert float(row["s_ap"]) == pytest.approx(cosine(state["query"][i], state["gallery"][p]))
        assert float(row["s_an"]) == pytest.approx(cosine(state["query"][i], state["gallery"][n]))
        assert row["negative_class"] == f"class {labels[1][n]}"
    sidecar = sidecar_of(done.json["data"][0])
    assert sidecar["galleries"] == {"shop": {"query": "gallery"}}
    assert sidecar["left_out"]["items"][0]["n_own_in_gallery"] == 3
    assert "exclude-duplicates" in done.json["data"][0]
    refused = cli("trajectory", "shop", "--anchor", "24", "--format", "png")
    assert_refused(refused, "row 24 is the only item of its class and has no positive; choose another")


def test_moved_anchors_move_in_the_gallery(cli, folder):
    labels, states = market("runs/shop", epochs=2)
    done = cli("trajectory", "shop", "--moved", "3", *OPTIONS, "--format", "png", "--json")
    chosen = nearest(states[1], labels)
    change = np.abs(ideal(states[1], chosen) - ideal(states[0], chosen))
    expected = [list(chosen)[at] for at in np.argsort(-change, kind="stable")[:3]]
    assert [int(row["anchor"]) for row in rows_of(folder / done.json["data"][0])[::2]] == expected


@pytest.mark.parametrize("command", ["distances", "trajectory"])
def test_distractors_of_one_split_are_no_anchors(cli, folder, command):
    z, y = blobs(spread=2.0)
    with embedlens.Recorder("runs/one", labels={"test": y}, method={}) as recorder:
        for epoch in (0, 1):
            recorder.record(epoch, {"test": np.roll(z, epoch, axis=1) + np.float32(epoch)})
    done = cli(command, "one", "--distractor-label", "2", "--ignore-label", "3", "--format", "png", "--json")
    assert done.code == 0, done.err
    z = np.roll(z, 1, axis=1) + np.float32(1)
    state = {"query": z, "gallery": z}
    asks, keeps = np.flatnonzero((y != 2) & (y != 3)), np.flatnonzero(y != 3)
    chosen = {}
    for i in asks:
        near = sorted((j for j in keeps if j != i), key=lambda j: -cosine(z[i], z[j]))
        chosen[i] = next(j for j in near if y[j] == y[i]), next(j for j in near if y[j] != y[i])
    if command == "distances":
        numbers = done.json["summary"]["one"]["test"]["1"]
        assert (numbers["n"], numbers["mean_distance"]) == (40, pytest.approx(ideal(state, chosen).mean()))
        return
    table = rows_of(folder / done.json["data"][0])
    assert len({row["anchor"] for row in table}) == 4
    for row in table:
        assert (int(row["positive"]), int(row["negative"])) == chosen[int(row["anchor"])]
    out = np.flatnonzero(y == 2)[0]
    refused = cli(command, "one", "--anchor", out, "--distractor-label", "2")
    assert_refused(refused, f"row {out} ", "or is left out; choose another anchor")


def test_a_pretrained_state_has_its_gallery(cli, folder):
    random = np.random.default_rng(5)
    features = {"query": random.normal(size=(25, 7)), "gallery": random.normal(size=(38, 7))}
    features = {name: z.astype(np.float32) for name, z in features.items()}
    labels, states = market("runs/shop", pretrained=features)
    done = cli("distances", "shop", *OPTIONS, "--resamples", "50", "--format", "png", "--json")
    assert done.code == 0, done.err
    numbers = done.json["summary"]["shop"]["query"]
    far = ideal(features, nearest(features, labels))
    assert numbers["pretrained"]["mean_distance"] == pytest.approx(far.mean())
    done = cli("trajectory", "shop", "--anchor", "5", *OPTIONS, "--format", "png", "--json")
    first = rows_of(folder / done.json["data"][0])[0]
    triplet = {5: nearest(states[1], labels)[5]}
    assert first["state"] == "pretrained"
    assert (float(first["s_ap"]), float(first["s_an"])) == pytest.approx(dots(features, triplet)[5])
    # Without features of the gallery the first epoch is the initial state.
    market("runs/half", pretrained={"query": features["query"]})
    done = cli("distances", "half", "--resamples", "50", "--format", "png", "--json")
    assert list(done.json["summary"]["half"]["query"]) == ["0", "1"]


@pytest.mark.parametrize("command", ["distances", "trajectory"])
def test_runs_of_other_galleries_have_no_triplet_in_common(cli, folder, command):
    market("runs/shop")
    market("runs/apart", query_gallery=False)
    refused = cli(command, "shop", "apart", "--split", "query")
    assert_refused(refused, "'query' in different galleries")


def test_pictures_of_positives_are_those_of_the_gallery(cli, folder):
    pictures = {"query": np.zeros((25, 4, 4), np.uint8), "gallery": np.full((38, 4, 4), 255, np.uint8)}
    market("runs/shop", thumbnails=pictures)
    done = cli("trajectory", "shop", "--anchor", "24", "--format", "png")
    assert done.code == 2  # has no positive
    done = cli("trajectory", "shop", "--anchor", "9", "--format", "png", "--json")
    assert done.code == 0, done.err
    assert "no-thumbnails" not in done.json["data"][0]


COMMANDS = {
    "components": [],
    "tsne": ["--perplexity", "5", "--n-iter", "30", "--early-exaggeration-iter", "20"],
    "tsne --animate": [
        *("--perplexity", "5", "--n-iter", "30", "--early-exaggeration-iter", "20", "--fps", "10"),
        *("--settle-iter", "50", "--warm-iter", "20", "--sample", "40"),
    ],
    "tsne --central": ["--perplexity", "5", "--n-iter", "30", "--early-exaggeration-iter", "20"],
    "sampling": ["--batches", "2", "--items-per-class", "3", "--classes-per-batch", "3", "--pairs", "200"],
}


def bare(answer, run):
    """The summary of a run less what is said of how many items there are in all."""
    told = answer["summary"][run]
    for split in told.values():
        for numbers in split.values():
            numbers.pop("of", None)
    return told


@pytest.mark.parametrize("command", COMMANDS)
def test_what_looks_at_items_alone_is_as_if_those_left_out_were_never_recorded(cli, folder, command):
    """Junk (9) and distractors (8) stand among the items, and copies of the first five at the end."""
    z, y = blobs(n=60, classes=5)
    moved = np.roll(z, 1, axis=1)
    junk = np.random.default_rng(3).normal(size=(9, 8)).astype(np.float32)
    labels = np.r_[y[:20], np.full(4, 9), y[20:], np.full(5, 8), y[:5]]
    for name, y_of, parts in (("less", y, False), ("all", labels, True)):
        with embedlens.Recorder(f"runs/{name}", labels={"test": y_of}, method={}) as recorder:
            for epoch, state in enumerate((z, moved)):
                pieces = [state[:20], junk[:4], state[20:], junk[4:], state[:5]] if parts else [state]
                recorder.record(epoch, {"test": np.concatenate(pieces)})
    words, fixed = command.split(), [*COMMANDS[command], "--format", "png", "--epoch", "all", "--json"]
    options = ("--ignore-label", "8,9", "--exclude-duplicates")
    less = cli(words[0], "less", *words[1:], *fixed)
    done = cli(words[0], "all", *words[1:], *fixed, *options)
    assert (less.code, done.code) == (0, 0), less.err + done.err
    assert bare(done.json, "all") == bare(less.json, "less")
    place = np.r_[np.arange(20), np.arange(24, 64)]  # where the items stand among all
    for one, other in zip(less.json["data"], done.json["data"], strict=True):
        assert "ignore-label-8+9-exclude-duplicates" in other
        first, second = rows_of(folder / one), rows_of(folder / other)
        for row in first:
            row["run"] = row["run"].replace("less", "all")
            if "item" in row:
                row["item"] = str(place[int(row["item"])])
        assert first == second
        sidecar = sidecar_of(other)
        (items,) = sidecar["left_out"]["items"]
        assert (items["n_ignored"], items["n_duplicates"]) == (9, 5)
    plain = cli(words[0], "all", *words[1:], *fixed)
    assert bare(plain.json, "all") != bare(less.json, "less")


@pytest.mark.parametrize("command", ["components", "tsne", "sampling"])
def test_a_class_that_is_not_there_cannot_be_left_out(cli, folder, command):
    z, y = blobs()
    embedlens.Recorder("runs/one", labels={"test": y}).record(0, {"test": z})
    assert_refused(cli(command, "one", "--ignore-label", "9"), "unknown class '9'")
    assert_refused(cli(command, "one", "--ignore-label", "0,1,2,3,4,5"), "no item of split 'test' is left")


def test_mined_data_are_warned_of(cli, folder):
    z, y = blobs()
    z[7] = z[1]
    embedlens.Recorder("runs/one", labels={"test": y}).record(0, {"test": z})
    words = ("sampling", "one", "--batches", "1", "--pairs", "50", "--format", "png")
    assert "1 of 60 rows of 'test' equal" in cli(*words).err
    assert "equal" not in cli(*words, "--exclude-duplicates").err
    assert "equal" not in cli(*words, "--show", "losses").err


def test_copies_are_those_of_each_state_and_the_figure_says_how_many_stay(cli, folder, monkeypatch):
    from embedlens.figures.triplets import distances as figures

    z, y = blobs()
    later = np.roll(z, 1, axis=1)
    later[12], later[18] = later[0], later[6]  # of one label each
    with embedlens.Recorder("runs/one", labels={"test": y}, method={}) as recorder:
        recorder.record(0, {"test": z})
        recorder.record(1, {"test": later})
    told, keep = [], figures.figure

    def plot(*words, **more):
        told.append(more["n_text"])
        return keep(*words, **more)

    monkeypatch.setattr(figures, "figure", plot)
    words = ("distances", "one", "--resamples", "5", "--format", "png", "--json")
    done = cli(*words, "--exclude-duplicates")
    assert done.code == 0, done.err
    numbers = done.json["summary"]["one"]["test"]
    assert (numbers["0"]["n"], numbers["1"]["n"]) == (60, 58)
    assert numbers["1"]["paired"]["n"] == 58
    cli(*words)
    assert told == ["n = 58 to 60", "n = 60"]
