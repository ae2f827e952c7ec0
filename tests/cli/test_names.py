"""Names from outside in every command: what they hold changes no figure and breaks no output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import assert_refused, blobs, tree, write_run

import embedlens
from embedlens.figures.export.film import Film
from embedlens.figures.layout.canvas import Figure

HOSTILE = {
    "underscore": "_baseline", "dollars": "$$", "mathematics": "$x_{$", "rate": "lr=$1e-3$",
    "markup": "resnet[aug]", "closing": "[/]", "emoji": ":car:", "cjk": "汉字", "surrogate": "lone\ud800",
    "bidi": "\u202etxt", "escape": "\x1b[31mred", "lines": "a\nb", "formula": "=cmd()", "long": "run-" * 75,
}  # fmt: skip
FIGURES = {
    "scatter": ["--split", "test"], "trajectory": [], "distances": [], "spectrum": [], "components": [],
    "pca-prune": ["--dims", "2,4"], "verify": ["--folds", "2"], "identify": ["--unknown-class", "0"],
    "curves": ["--metrics", "loss"], "spectrum --intra-class": [], "diff": [], "drift": ["--k", "1"],
    "tsne": ["--perplexity", "5", "--n-iter", "20", "--early-exaggeration-iter", "10"],
}  # fmt: skip


def hostile_run(folder, name, seed=0, like=None):
    """Record a run of that name; its classes are named after it, or like those of another run."""
    z, y = blobs(n=60, seed=seed)
    word = like or name
    classes = dict(enumerate([word, *(f"{word} {number}" for number in range(1, 6))]))
    with embedlens.Recorder(
        folder, labels={"test": y}, class_names=classes, name=name, method={"loss": name, "seed": seed}
    ) as recorder:
        for epoch in range(2):
            recorder.record(epoch, {"test": z + 0.1 * epoch}, metrics={"loss": 1.0 - epoch / 2})


@pytest.mark.parametrize("kind", HOSTILE)
def test_tables_json_and_latex_of_hostile_names(cli, folder, kind):
    name = HOSTILE[kind]
    hostile_run(folder / "runs/a", name)
    hostile_run(folder / "runs/b", f"{name}2", seed=1)
    shown = embedlens.open_run("runs/a").name
    assert shown.isprintable()
    for words in (["info", "a"], ["evaluate", "a", "b"], ["evaluate", "a", "b", "--latex"]):
        done = cli(*words)
        assert done.code == 0, done.err
        assert "\x1b" not in done.out
        assert "\u202e" not in done.out
        if words[-1] != "--latex":
            assert shown in done.out
    assert set(cli("evaluate", "a", "b", "--json").json["summary"]) == {
        shown,
        embedlens.open_run("runs/b").name,
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph")  # where no installed font has the letters
@pytest.mark.parametrize("kind", HOSTILE)
def test_every_figure_of_hostile_names(cli, folder, kind):
    name = HOSTILE[kind][:94]
    hostile_run(folder / "runs/a", name)
    hostile_run(folder / "runs/b", f"{name}2", seed=1, like=name)  # `identify` refuses others
    for command, words in FIGURES.items():
        done = cli(*command.split(), "a", "b", *words, "--format", "svg,pdf", "--out", "o", "--json")
        assert done.code == 0, (command, done.err)
        assert all(Path(path).is_file() for path in json.loads(done.out)["figures"])


MOVING = {"scatter --flow": [], "scatter --field ephn": [], "scatter --animate": []}
OFTEN = ("scatter", "curves")  # the others are tried with the slow tests


@pytest.fixture
def sizes(monkeypatch):
    """The sizes of all axes, in inches, of each figure that is saved, and of each animation."""
    found = []

    def noted(original):
        def call(owner, *args, **kwargs):
            original(owner, *args, **kwargs)
            figure = getattr(owner, "_figure", owner)
            boxes = [axes.get_window_extent() for axes in figure.axes]
            found.append([(box.width / figure.dpi, box.height / figure.dpi) for box in boxes])

        return call

    monkeypatch.setattr(Figure, "savefig", noted(Figure.savefig))
    monkeypatch.setattr(Film, "__init__", noted(Film.__init__))
    return found


NARROWEST = {"diff": 0.4}  # of the width with short names: 28 letters of a class name each row


@pytest.mark.parametrize(
    "command",
    [
        command if command in OFTEN else pytest.param(command, marks=pytest.mark.slow)
        for command in FIGURES | MOVING
    ],
)
def test_names_without_a_break_leave_panels_their_size(cli, folder, sizes, command):
    """Class, loss and run have the name; the library that lays out has nothing to complain of."""
    words, drawn = (FIGURES | MOVING)[command], {}
    for name in ("s", "n" * 94, "n" * 300):
        for number in (1, 2):
            hostile_run(folder / f"runs/{len(name)}-{number}", f"{name}{number}", seed=number, like=name)
        for runs in (1, 2):
            sizes.clear()
            names = [f"{len(name)}-{number}" for number in range(1, runs + 1)]
            done = cli(*command.split(), *names, *words, "--format", "png", "--out", "o")
            assert done.code == 0, done.err
            assert "layout" not in done.err
            assert "warning: embedlens warns" not in done.err
            drawn[len(name), runs] = list(sizes)
    for (letters, runs), figures in drawn.items():
        for figure, usual in zip(figures, drawn[1, runs], strict=True):
            for (width, height), (wide, high) in zip(figure, usual, strict=True):
                assert width > NARROWEST.get(command, 0.8) * wide, (letters, runs)
                assert height > 0.5 * high, (letters, runs)


def test_legends_show_every_name(cli, folder):
    hostile_run(folder / "runs/a", "_baseline")
    hostile_run(folder / "runs/b", "$x_{$", seed=1)
    for command, words in (("distances", []), ("pca-prune", ["--dims", "2,4"]), ("verify", ["--folds", "2"])):
        (svg, *_) = cli(command, "a", "b", *words, "--format", "svg", "--out", "o", "--json").json["figures"]
        text = Path(svg).read_text()
        assert "_baseline" in text, command
        assert "$x_{$" in text, command


def test_no_cell_of_a_table_is_a_formula(cli, folder):
    hostile_run(folder / "runs/a", "=cmd()")
    hostile_run(folder / "runs/b", "b", seed=1)
    (path,) = cli("evaluate", "a", "b", "--metrics", "R@1", "--out", "o", "--json").json["data"]
    assert "\n'=cmd()," in Path(path).read_text()
    assert "\n'=cmd()," in cli("evaluate", "a", "b", "--metrics", "R@1", "--csv").out


@pytest.mark.parametrize("command", FIGURES)
def test_figures_of_two_runs_in_one_folder_stand_side_by_side(cli, folder, command):
    write_run(folder / "runs/a", epochs=2)
    write_run(folder / "runs/b", epochs=2, seed=5)
    for run in ("a", "b"):
        done = cli(*command.split(), run, *FIGURES[command], "--format", "svg", "--out", "o", "--json")
        if command == "curves":
            done = cli("curves", run, "--metrics", "R@1", "--format", "svg", "--out", "o", "--json")
        assert done.code == 0, done.err
        assert all(f"-{run}-" in Path(path).name for path in done.json["figures"]), done.json["figures"]
    assert {file.split("-")[-1] for file in tree("o")}
    own = (
        cli(*command.split(), "a", *FIGURES[command], "--format", "svg", "--json")
        if command != "curves"
        else None
    )
    assert own is None or not any("-a-" in Path(path).name for path in own.json["figures"])


def test_runs_of_one_name_in_two_folders_never_replace_each_other(cli, folder):
    write_run(folder / "x/a", epochs=2)
    write_run(folder / "y/a", epochs=2, seed=5)
    first = cli("distances", "x/a", "--out", "o", "--format", "svg", "--json").json["figures"]
    before = tree("o")
    second = cli("distances", "y/a", "--out", "o", "--format", "svg", "--json").json["figures"]
    assert not set(first) & set(second)
    assert {name: tree("o")[name] for name in before} == before
    again = cli("distances", "x/a", "--out", "o", "--format", "svg", "--json").json["figures"]
    assert again == first


def test_epochs_by_words_lists_and_ranges(cli, folder):
    write_run(folder / "runs/a", epochs=6)

    def epochs(word):
        done = cli("evaluate", "a", "--split", "test", "--metrics", "R@1", "--epoch", word, "--json")
        return done if done.code else [int(epoch) for epoch in done.json["summary"]["a"]["test"]]

    assert epochs("first") == [0]
    assert epochs("-1") == [5]
    assert epochs("0,4,2") == [0, 2, 4]
    assert epochs("0:4:2") == [0, 2, 4]
    assert epochs("3:") == [3, 4, 5]
    assert epochs("first,last") == [0, 5]
    assert_refused(epochs("frist"), "unknown epoch 'frist'; did you mean 'first'?")
    assert_refused(epochs("7:9"), "no epoch in 7:9; it has 0 to 5")
    assert_refused(epochs("0:4:0"), "unknown epoch")
    assert_refused(cli("distances", "a", "--epoch", "0,1"), "may be several epochs; give one")


@pytest.mark.parametrize("command", ["spectrum", "evaluate --metrics R@1"])
def test_no_choice_of_epochs_replaces_the_files_of_another(cli, folder, command):
    write_run(folder / "runs/mine", epochs=24, n=30)
    names = []
    for epochs in ("all", "0:4:2", "0,2", "0:20:2", "0:20", "0:11,13", "0:11,12,23"):
        words = ["mine", "--epoch", epochs, "--json", *(["--format", "svg"] if command == "spectrum" else [])]
        done = cli(*command.split(), *words)
        assert done.code == 0, done.err
        names.append(done.json["data"][0])
    assert "-epoch-all" in names[0]
    assert "-epoch-0000+0002+0004" in names[1]
    assert "-epoch-0000-to-0020-by-1" in names[4]
    assert len(set(names)) == 7


def test_an_unknown_run_gets_the_nearest_name(cli, folder):
    write_run(folder / "runs/f-sup", epochs=1)
    write_run(folder / "runs/other", epochs=1)
    assert_refused(cli("info", "f-supp"), "no such run: f-supp", "in runs; did you mean 'f-sup'?")
    assert_refused(cli("info", "zzz"), "there are: f-sup, other")


def test_a_folder_of_data_does_not_hide_a_run(cli, folder):
    write_run(folder / "runs/cub", epochs=1)
    (folder / "cub").mkdir()
    (folder / "cub/images.txt").write_text("1 a.jpg\n")
    assert cli("info", "cub", "--json").json["summary"]["cub"]["path"] == "runs/cub"


def test_metrics_as_the_table_prints_them(cli, folder):
    write_run(folder / "runs/a", epochs=1)
    words = ["evaluate", "a", "--split", "test", "--json", "--metrics"]
    names = cli(*words, "MAP@R,RP,r@1,nmi,MAP@5,kNN,eff. rank,F1,AMI,Recall@2").json["summary"]["a"]["test"][
        "0"
    ]
    assert set(names) - {"n", "n_singletons"} == {
        "map_at_r", "r_precision", "recall_at_1", "nmi", "map_at_5", "knn_accuracy", "effective_rank", "f1",
        "ami", "recall_at_2",
    }  # fmt: skip
    assert_refused(cli(*words, "map_at_q"), "did you mean 'map_at_r'")


@pytest.mark.slow
def test_tables_keep_the_order_of_the_runs(cli, folder):
    for number, name in enumerate(("b", "a", "c")):
        write_run(folder / f"runs/{name}", epochs=1, seed=number)
    for words in (["evaluate", "--metrics", "R@1"], ["distances"], ["spectrum"], ["components"], ["scatter"]):
        done = cli(*words, "b", "a", "c", "--json")
        assert done.code == 0, done.err
        summary = done.json["summary"]
        runs = [name for name in summary.get("test", summary) if name in ("a", "b", "c")]
        assert runs == ["b", "a", "c"], words
    assert list(cli("info", "b", "a", "b", "c", "--json").json["summary"]) == ["b", "a", "c"]
