"""What the shell is told to complete."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from support import blobs, entry_point, write_run

import embedlens
from embedlens.analysis.compression import CODES
from embedlens_cli.common import completion
from embedlens_cli.main import app

SHELLS = ("bash", "zsh", "fish", "powershell")


@pytest.fixture
def runs(folder):
    write_run(folder / "runs" / "f-one", epochs=1)
    write_run(folder / "runs" / "f-two", epochs=3)
    write_run(folder / "runs" / "other", epochs=2, splits=("val", "test"))
    (folder / "runs" / "f-none").mkdir()
    return folder / "runs"


def request(shell, words):
    """What a shell hands over: the command line up to the cursor, in variables."""
    typed = words.split(" ")
    if shell == "bash":
        variables = {"COMP_WORDS": words, "COMP_CWORD": str(len(typed) - 1)}
    else:
        variables = {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_WORD_TO_COMPLETE": typed[-1]}
        variables["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    return {**os.environ, "_EMBEDLENS_COMPLETE": f"complete_{shell}", **variables}


def offered(shell, text):
    """The words in what the program answers a shell."""
    if shell == "zsh":
        inner = text.partition("((")[2].partition("))")[0]
        return [line.split('"')[1] for line in inner.splitlines()]
    lines = [line.partition(":::")[0].partition("\t")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line]


@pytest.fixture
def complete(monkeypatch, capsys, runs):
    """Complete a command line in this process, as bash asks for it."""

    def call(words, shell="bash"):
        for name, value in request(shell, words).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as stopped:
            app(args=[], prog_name="embedlens", standalone_mode=False)
        assert stopped.value.code == 0
        return offered(shell, capsys.readouterr().out)

    return call


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("embedlens sca", ["scatter"]),
        ("embedlens info f-", ["f-one", "f-two"]),
        ("embedlens info f-one f-t", ["f-two"]),
        ("embedlens concat oth", ["other"]),
        ("embedlens train --resume oth", ["other"]),
        ("embedlens compare --init oth", ["other"]),
        ("embedlens scatter --split te", ["test"]),
        ("embedlens scatter --split train,te", ["train,test"]),
        ("embedlens scatter --split test,te", []),
        ("embedlens scatter --anim", ["--animate"]),
    ],
)
def test_commands_options_runs_and_splits(complete, words, completed):
    assert complete(words) == completed


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("embedlens scatter f-two --split ", ["train", "test"]),
        ("embedlens scatter other --split ", ["val", "test"]),
        ("embedlens scatter f-two other --split ", ["test"]),
        ("embedlens scatter runs/other --split ", ["val", "test"]),
        ("embedlens scatter --epoch last other --split v", ["val"]),
        ("embedlens scatter --split ", ["train", "test", "val"]),
        ("embedlens evaluate other --gallery ", ["none", "val", "test"]),
        ("embedlens identify other --choose-on ", ["halves", "val", "test"]),
        ("embedlens pca-prune f-one --fit tr", ["train"]),
        ("embedlens scatter f-two --epoch ", ["first", "last", "all", "0", "1", "2"]),
        ("embedlens scatter f-two f-one --epoch ", ["first", "last", "all", "0"]),
        ("embedlens scatter f-two --epoch 0,", ["0,1", "0,2"]),
        ("embedlens distances other --reference-epoch ", ["last", "0", "1"]),
        ("embedlens scatter other --flow-to ", ["first", "last", "0", "1"]),
        ("embedlens trajectory f-one other --reference-run ", ["f-one", "other"]),
        ("embedlens scatter nothing --epoch ", ["first", "last", "all"]),
    ],
)
def test_splits_and_epochs_of_the_runs_on_the_line(complete, shell, words, completed):
    assert complete(words, shell) == completed


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("embedlens train --loss eps", ["epshn"]),
        ("embedlens sweep --loss ep,ephn,ep", ["ep,ephn,epshn"]),
        ("embedlens curves --monitor trip", ["triplet"]),
        ("embedlens scatter --field ", list(completion.FIELDS)),
        ("embedlens train --method d", ["divide-conquer", "dvml", "dreml"]),
        ("embedlens compare --method plain,h", ["plain,hdc"]),
        ("embedlens train --mining semi", ["semi-hard", "semi-hard-range"]),
        ("embedlens sampling --mining all,e", ["all,easy-positive"]),
        ("embedlens train --data c", ["cub200", "cars196", "csv"]),
        ("embedlens train --sampler p", ["pk"]),
        ("embedlens tsne --venue ic", ["iccv", "iclr", "icml"]),
        ("embedlens tsne --format pdf,", ["pdf,png", "pdf,svg"]),
        ("embedlens evaluate --metrics nmi,recall", ["nmi,recall", "nmi,recall_at_1", "nmi,recall_at_10"]),
        ("embedlens evaluate --metrics d", ["dimension", "default"]),
        ("embedlens sweep --metric map", ["map_at_r", "map_at_5"]),
    ],
)
def test_words_that_options_take(complete, words, completed):
    assert complete(words) == completed


def test_metrics_of_curves_are_columns_of_the_log_and_scores(folder, complete, runs):
    (runs / "other/log.csv").write_text("epoch,loss,test_recall_at_1\n0,1,0.5\n")
    assert complete("embedlens curves other --metrics loss,te") == ["loss,test_recall_at_1"]
    assert complete("embedlens curves other --metrics nm") == ["nmi"]


def test_words_are_those_of_the_library():
    from embedlens.analysis.drift import SCORES
    from embedlens.analysis.scores import METRICS
    from embedlens.experiments.presets import PRESETS
    from embedlens.exporting import TARGETS
    from embedlens.figures.style import VENUES
    from embedlens.objectives import LOSSES, MINERS
    from embedlens.training.datasets import DATASETS
    from embedlens.training.methods import METHODS
    from embedlens.training.samplers import SAMPLERS

    assert sorted(completion.LOSSES) == sorted(LOSSES.names())
    assert sorted(completion.MINING) == sorted(MINERS.names())
    assert sorted(completion.DATA) == sorted(DATASETS.names())
    assert sorted(completion.METHODS) == sorted(METHODS.names())
    assert sorted(completion.PRESETS) == sorted(PRESETS.names())
    assert sorted(completion.SAMPLERS) == sorted(SAMPLERS.names())
    assert list(completion.EXPORTS) == TARGETS.names()
    assert completion.CODES == CODES
    assert completion.DRIFT == SCORES
    assert sorted(completion.VENUES) == sorted(VENUES)
    assert {*completion.METRICS} == {"recall", "recall_at_K", *METRICS}


def test_columns_of_the_items_of_the_runs_on_the_line(complete, folder):
    z, y = blobs(n=6)
    for name, columns in (("a", ("camera", "kind")), ("b", ("camera", "class"))):
        items = {"test": {column: list("abcabc") for column in columns}}
        embedlens.Recorder(f"runs/{name}", labels={"test": y}, items=items).record(0, {"test": z})
    assert complete("embedlens evaluate a --labels ") == ["camera", "kind"]
    assert complete("embedlens scatter a --junk k") == ["kind"]
    assert complete("embedlens scatter a b --not-same ") == ["camera"]
    assert complete("embedlens info b --labels cl") == ["class"]


def test_every_option_of_splits_and_epochs_completes():
    root = typer.main.get_command(app)
    for name, command in root.commands.items():
        for parameter in command.params:
            if name != "import" and parameter.name in ("split", "epoch", "reference_epoch", "venue", "loss"):
                if (name, parameter.name) == ("sweep", "split"):  # its runs are not made yet
                    continue
                assert parameter._custom_shell_complete, (name, parameter.name)


def test_completion_imports_nothing_slow(runs):
    script = (
        "import sys\nfrom embedlens_cli.main import main\nsys.argv = ['embedlens']\n"
        "try:\n    main()\nexcept SystemExit:\n    print(*sorted(sys.modules))"
    )
    env = request("bash", "embedlens scatter f-two --epoch ")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, check=True)
    *words, loaded = done.stdout.splitlines()
    assert [word.strip() for word in words if word.strip()] == ["first", "last", "all", "0", "1", "2"]
    assert not set(loaded.split()) & {"torch", "matplotlib", "scipy", "sklearn", "rich", "PIL", "numba"}


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_each_shell(program, shell):
    script = program(env={**os.environ, "_EMBEDLENS_COMPLETE": f"source_{shell}"})
    assert script.code == 0, script.err
    assert f"complete_{shell}" in script.out


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_with_the_script(program, runs):
    script = program(env={**os.environ, "_EMBEDLENS_COMPLETE": "source_bash"}).out
    check = f"{script}\nCOMP_WORDS=(embedlens scatter f-two --epoch '')\nCOMP_CWORD=4\n"
    check += '_embedlens_completion embedlens\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    path = os.pathsep.join([str(Path(entry_point()).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", check], capture_output=True, text=True, env={**os.environ, "PATH": path}, check=True
    )
    assert offered("bash", done.stdout) == ["first", "last", "all", "0", "1", "2"], done.stderr
