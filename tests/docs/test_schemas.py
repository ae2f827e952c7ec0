"""Schemas of run.json, sidecars and answers to --json: real ones follow them, damaged ones do not."""

from __future__ import annotations

import copy
import json
import re
import shlex
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
import typer
from schemas import FOLDER, SCHEMAS, faults
from support import blobs, write_run

import embedlens
from embedlens_cli.main import app, main

ROOT = Path(__file__).parent.parent.parent
LINES = [
    "info a qg0 --verify",
    "info dc",
    "info sets --verify",
    "components a b --epoch 0,2 --component 1,-1 --ignore-label 1",
    "drift a b --k 1,5 --split test",
    "drift a b --epoch last --metrics cka,angle --sample 20 --no-normalize",
    "drift qg0 --ignore-label 1 --exclude-duplicates --split query",
    "pca-prune a b --dims 8,4",
    "pca-prune a --slices 2 --svd --exclude-duplicates",
    "spectrum a b --svd --names A,B",
    "spectrum a --epoch all --heatmap",
    "spectrum qg0 --slices 2 --split query,gallery",
    "spectrum a --intra-class --split train",
    "evaluate a b --epoch 0,2 --metrics all --kmeans-seeds 1,2",
    "evaluate qg0 qg1 --slices 2 --unknown-class 3 --metrics map_at_5 --ignore-label 1 --distractor-label 2",
    "verify a --negatives 1,2 --draws 2 --epoch 0,2",
    "verify qg0 --folds 3 --per-fold 20 --far 0.1 --exclude-duplicates",
    "identify qg0 qg1 --unknown-class 1 --choose-on halves",
    "identify a --unknown-class 2 --classifier",
    "compress a b --pq-bits 4 --metrics R@1,map_at_r,nmi",
    "compress qg0 --metrics all --exclude-duplicates",
    "diff a b --resamples 50 --losses 2",
    "diff a --from-epoch 0 --resamples 50 --split train",
    "diff qg0 qg1 --resamples 50 --exclude-duplicates",
    "distances a b --ecdf --resamples 50",
    "distances pre --resamples 50 --split test",
    "trajectory a b --random 2 --split test",
    "trajectory pre --split test",
    "scatter a b --epoch 0,2 --triplets fixed",
    "scatter qg0 --split query --limits data",
    "scatter a --split test --flow --field triplet",
    "scatter a --split test --animate",
    "report a b --sample 20 --no-figures",
    "report qg0 --split query --no-figures",
    "tsne a --sample 30 --perplexity 5 --n-iter 50",
    "tsne a --animate --perplexity 5 --n-iter 20 --settle-iter 50 --warm-iter 20",
    "tsne latent --synthesised 2 --sample 60 --every-class --perplexity 5 --n-iter 50",
    "curves a b",
    "curves qg0 --metrics loss,nan",
    "curves a --monitor triplet --batches 2 --seeds lines",
    "sampling a b --epoch all --mining hard,semi-hard --batches 2",
    "sampling a --show losses,distances",
    "sweep --data digits --epochs 1 --dim 4 --loss ep --lr 0.001 --out sweep",
    "sweep --data digits --dry-run",
    "compare --data digits --loss triplet --method divide-conquer --dry-run",
    "concat a b --out both --weights 1,2",
    "concat a b --out last --epoch last",
    "export a --to npz --split test --epoch all --out exported",
    "embed --model schema_net:load --checkpoints dump/ckpt-*.pt --data digits --out embedded",
    "import dump/{split}_{epoch}.npy --labels dump/{split}_labels.npy --out imported",
]
NETWORK = """
import torch

def load(path):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 4))
    network[1].weight.data = torch.load(path, weights_only=True)
    return network
"""
SLOW = [
    "figures a b --split test --out paper",
    "compare --data digits --epochs 1 --loss triplet --method plain,divide-conquer --clusters 2 --seed 0,1",
]
DRAWS = set(re.findall(r'"([a-z-]+)\.json#/\$defs/sidecar"', json.dumps(SCHEMAS["sidecar.json"])))


def call(line):
    """Run a command line in this process; its exit status."""
    words = shlex.split(line)
    fmt = ["--format", "svg"] if words[0] in DRAWS - {"evaluate"} else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["embedlens", *words, "--json", *fmt])
        with pytest.raises(SystemExit) as stopped:
            main()
    return stopped.value.code


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder of runs of every kind: query and gallery, pretrained features, clusters, latent arrays."""
    folder = tmp_path_factory.mktemp("schemas")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("EMBEDLENS_RUNS", raising=False)
        write_run("runs/a", n=48)
        write_run("runs/b", n=48, seed=4)
        for seed in (0, 1):
            _query_run(f"runs/qg{seed}", seed)
        z, y = blobs(n=48)
        with embedlens.Recorder("runs/pre", labels={"test": y}, pretrained={"test": z[:, :4]}) as recorder:
            for epoch in range(2):
                recorder.record(epoch, {"test": z + epoch})
        sets = {"test": [[*range(row % 3)] for row in range(48)]}
        with embedlens.Recorder("runs/sets", labels=sets, class_names=["red", "blue"]) as recorder:
            recorder.record(0, {"test": z})
        (folder / "dump").mkdir()
        np.save("dump/test_labels.npy", y)
        np.save("dump/test_0.npy", z)
        for epoch in range(2):
            torch.save(torch.randn(4, 256) + epoch, f"dump/ckpt-{epoch}.pt")
        Path("schema_net.py").write_text(NETWORK)
        made = "--data digits --epochs 1 --json"
        assert call(f"train {made} --dim 4 --method divide-conquer --clusters 2 --out runs/dc") == 0
        assert (
            call(f"train {made} --dim 4 --method dvml --loss triplet --record-latent --out runs/latent") == 0
        )
    return folder


def _query_run(path, seed):
    labels = {"train": np.arange(48) % 6, "query": np.arange(48) % 6, "gallery": np.arange(60) % 6}
    method, names = {"loss": "triplet", "seed": seed}, {label: f"class {label}" for label in range(6)}
    pairs = {"query": "gallery"}
    with embedlens.Recorder(
        path, labels=labels, query_gallery=pairs, class_names=names, method=method
    ) as one:
        for epoch in range(2):
            arrays = {
                split: blobs(n=y.size, spread=2 - epoch, seed=seed + 5)[0] for split, y in labels.items()
            }
            one.record(epoch, arrays, metrics={"loss": 1 / (epoch + 1), "nan": [1.0, np.nan][epoch]})


@pytest.fixture
def answer(runs, monkeypatch, capsys):
    """Run a command line in the folder of runs; its answer and the sidecars that it wrote."""

    def run(line):
        monkeypatch.chdir(runs)
        monkeypatch.delenv("EMBEDLENS_RUNS", raising=False)
        capsys.readouterr()
        code = call(line)
        captured = capsys.readouterr()
        assert code == 0, captured.err
        document = json.loads(captured.out)
        sidecars = [Path(name).with_suffix(".json") for name in document["data"]]
        return document, [json.loads(path.read_text()) for path in sidecars if path.exists()]

    return run


@pytest.mark.parametrize("line", [*LINES, *(pytest.param(line, marks=pytest.mark.slow) for line in SLOW)])
def test_answers_and_sidecars_follow_their_schemas(answer, line):
    document, sidecars = answer(line)
    assert faults(document, line.split()[0]) == []
    assert all(document["summary"].values()) or "--dry-run" in line
    for sidecar in sidecars:
        assert faults(sidecar, "sidecar") == []
    draws = line.split()[0] in DRAWS | {"figures"}
    assert bool(sidecars) == (draws and "--dry-run" not in line)


def test_answer_of_train_follows_its_schema(runs, answer):
    document, _ = answer("train --resume runs/dc --epochs 2")
    assert faults(document, "train") == []
    assert [row["epoch"] for row in document["summary"]["log"]] == [0, 1, 2]


def test_lines_of_watch_and_the_sidecars_of_its_figures_follow_their_schemas(runs, monkeypatch, capsys):
    monkeypatch.chdir(runs)
    monkeypatch.delenv("EMBEDLENS_RUNS", raising=False)
    words = "--out watched --exclude-duplicates --ignore-label 5 --format svg"
    assert call(f"watch qg0 --split query {words}") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1]
    assert [faults(line, "watch") for line in lines] == [[], []]
    sidecars = [json.loads(Path(name).with_suffix(".json").read_text()) for name in lines[-1]["data"]]
    assert [faults(sidecar, "sidecar") for sidecar in sidecars] == [[]] * 4
    assert [sidecar["command"][1] for sidecar in sidecars] == ["scatter", "curves", "scatter", "scatter"]
    program = typer.main.get_command(app)
    for sidecar in sidecars:  # each is a command that can be typed
        program.commands[sidecar["command"][1]].make_context("watch", sidecar["command"][2:])


def test_every_run_json_follows_its_schema(runs):
    files = [*runs.rglob("run.json"), *(ROOT / "tests/fixtures").rglob("run.json")]
    assert len(files) >= 8
    for file in files:
        assert faults(json.loads(file.read_text()), "run") == [], file


def test_every_command_with_json_has_a_schema_and_an_output_that_is_tested():
    program = typer.main.get_command(app)
    commands = {
        name for name, command in program.commands.items()
        if any("--json" in parameter.opts for parameter in command.params)
    }  # fmt: skip
    assert {f"{name}.json" for name in commands} | {"common.json", "run.json", "sidecar.json"} == set(SCHEMAS)
    assert {line.split()[0] for line in [*LINES, *SLOW]} | {"train", "watch"} == commands
    assert {name for name in commands if "sidecar" in SCHEMAS[f"{name}.json"].get("$defs", {})} == DRAWS


DAMAGES = {
    "an unknown key": lambda document, numbers: numbers.update(nonsense=1),
    "an unknown key at the top": lambda document, numbers: document.update(nonsense=1),
    "a key is missing": lambda document, numbers: numbers.pop("n"),
    "text for a number": lambda document, numbers: numbers.update(n="48"),
    "a number below 0": lambda document, numbers: numbers.update(n=-1),
    "no number": lambda document, numbers: numbers.update(n=None),
    "files are missing": lambda document, numbers: document.pop("figures"),
    "a file without a name": lambda document, numbers: document["data"].append(""),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "line", ["scatter a --split test", "evaluate a", "spectrum a", "pca-prune a --dims 4"]
)
def test_damaged_answers_are_refused(answer, line, damage):
    document, _ = answer(line)
    numbers = document["summary"]["a"]["test"]["2"]
    assert faults(document, line.split()[0]) == []
    DAMAGES[damage](document, numbers)
    assert faults(document, line.split()[0])


def test_fractions_and_epochs_have_bounds(answer):
    document, _ = answer("scatter a --split test")
    for change in ({"recall_at_1": 1.5}, {"below_diagonal": 0.5}):
        damaged = copy.deepcopy(document)
        damaged["summary"]["a"]["test"]["2"].update(change)
        assert faults(damaged, "scatter")
    document["summary"]["a"]["test"]["last"] = document["summary"]["a"]["test"].pop("2")
    assert faults(document, "scatter")


def test_damaged_sidecars_are_refused(answer):
    _, (sidecar,) = answer("scatter a --split test")
    assert faults({**sidecar, "command": ["embedlens", "--debug", "scatter"]}, "sidecar") == []
    for damaged in (
        {**sidecar, "nonsense": 1},
        {**sidecar, "frames": 0},
        {**sidecar, "command": ["embedlens", "nonsense"]},
        {**sidecar, "command": ["embedlens", "tsne"]},
        {**sidecar, "command": ["other", "scatter"]},
        {name: value for name, value in sidecar.items() if name != "panels"},
        {name: value for name, value in sidecar.items() if name != "versions"},
        {**sidecar, "panels": [{**sidecar["panels"][0], "nonsense": 1}]},
    ):
        assert faults(damaged, "sidecar")


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"}, {"version": 3}, {"version": True}, {"dtype": "float64"}, {"splits": {}},
        {"splits": {"a/b": {"items": 1, "fingerprint": ""}}}, {"splits": {"test": {"items": 0}}},
        {"dim": 0}, {"class_names": {"x": "name"}}, {"slices": [[0]]}, {"query_gallery": [["a"]]},
        {"name": 1}, {"method": []},
    ],
)  # fmt: skip
def test_a_run_json_that_the_store_refuses_is_refused_by_the_schema(tmp_path, change):
    run = write_run(tmp_path / "run", epochs=1, n=12)
    file = run.path / "run.json"
    document = {**json.loads(file.read_text()), **change}
    file.write_text(json.dumps(document))
    with pytest.raises(embedlens.InputError):
        embedlens.open_run(run.path)
    assert faults(document, "run")


def parts(schema, place=""):
    """All schemas within one, with their places."""
    yield place, schema
    for key in ("properties", "patternProperties", "$defs"):
        for name, inner in schema.get(key, {}).items():
            yield from parts(inner, f"{place}/{key}/{name}")
    for key in ("additionalProperties", "items", "if", "then"):
        if isinstance(schema.get(key), dict):
            yield from parts(schema[key], f"{place}/{key}")
    for key in ("anyOf", "allOf", "oneOf", "prefixItems"):
        for at, inner in enumerate(schema.get(key, [])):
            yield from parts(inner, f"{place}/{key}/{at}")


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_valid_closed_and_described(name):
    schema = SCHEMAS[name]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]
    for place, part in parts(schema):
        if re.search(r"/(properties|patternProperties|\$defs)/[^/]+$", place) and "/if/" not in place:
            described = part.get("description") or "/allOf/" in place or place == "/$defs/sidecar"
            assert described, f"{name}{place} has no description"
        closed = "additionalProperties" in part or "unevaluatedProperties" in part
        if "properties" in part and not closed and name != "run.json":
            assert "/if" in place or place in OPEN or name == "sidecar.json", f"{name}{place} is open"


OPEN = {"/$defs/sidecar", "/$defs/panel_place"}


def test_references_lead_somewhere():
    for name, schema in SCHEMAS.items():
        for ref in re.findall(r'"\$ref": "([^"]+)"', json.dumps(schema)):
            file, _, pointer = ref.partition("#")
            target = SCHEMAS[file or name]
            for key in pointer.strip("/").split("/"):
                assert key in target, f"{name}: {ref}"
                target = target[key]


def test_schema_files_are_written_alike():
    for path in FOLDER.glob("*.json"):
        text = json.dumps(json.loads(path.read_text()), indent=2, ensure_ascii=False) + "\n"
        assert path.read_text() == text
