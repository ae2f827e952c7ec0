"""`--latex` of figure commands, and what `embedlens figures` makes: a document that a real TeX compiles."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from schemas import faults
from support import assert_refused, blobs, sidecar_of, write_run

import embedlens
from embedlens.captions.latex import document, environment

ENVIRONMENT = re.compile(
    r"\\begin\{(figure\*?)\}\n  \\centering\n  \\includegraphics\{(\S+\.pdf)\}\n  \\caption\{(.+)\}\n"
    r"  \\label\{fig:(\S+)\}\n\\end\{\1\}"
)
HOSTILE = 'a_b 50% $x$ #1 & {y} ~^ \\alpha <|> \u0416 \u00e9,"b, of 2019"'
COMMANDS = ("scatter", "distances", "spectrum", "components", "pca-prune", "curves", "trajectory", "verify")


@pytest.fixture
def runs(folder):
    write_run(folder / "runs/a", n=48)
    write_run(folder / "runs/b", n=48, seed=4)


def pdf_size(path):
    """Width and height of a page in inches."""
    box = re.search(rb"/MediaBox \[ ?([\d. ]+)\]", Path(path).read_bytes())
    left, bottom, right, top = map(float, box[1].split())
    return (right - left) / 72, (top - bottom) / 72


def compiled(tex):
    """The log of pdfLaTeX, which must not fail; skipped where there is none."""
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("no pdflatex here (Debian: texlive-latex-base, texlive-latex-recommended)")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", tex.name]
    done = subprocess.run(command, cwd=tex.parent, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]
    return tex.with_suffix(".log").read_text(errors="replace").replace("\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_latex_is_the_environment_of_each_figure(cli, folder, runs, command):
    words = [command, "a", "b", "--split", "test", "--out", "o", "--format", "pdf", "--latex"]
    done = cli(*words)
    assert done.code == 0, done.err
    found = [match.groups() for match in ENVIRONMENT.finditer(done.out)]
    assert ENVIRONMENT.sub("", done.out).strip() == ""
    assert {path for _, path, _, _ in found} == {str(path) for path in Path("o").glob("*.pdf")}
    assert len(found) == (3 if command == "verify" else 1)
    for name, path, caption, label in found:
        assert label == Path(path).stem
        assert caption.replace("\\%", "%").replace("\\_", "_") == sidecar_of(path)["caption"]
        assert name == ("figure*" if pdf_size(path)[0] > 3.3 else "figure")
    answer = cli(*words, "--json").json
    assert faults(answer, command) == []
    assert "\n\n".join(answer["latex"]) == done.out.strip()


def test_a_venue_of_one_column_has_no_starred_figures(cli, runs):
    words = ["scatter", "a", "b", "--split", "test", "--latex"]
    assert "\\begin{figure*}" in cli(*words).out
    assert "\\begin{figure}" in cli(*words, "--venue", "neurips").out


def test_latex_without_a_pdf_is_refused(cli, runs):
    assert_refused(cli("spectrum", "a", "--latex", "--format", "png,svg"), "--latex", "'png,svg'", "add pdf")
    grid = ("--data", "digits", "--lr", "0.001", "--dim", "4", "--epochs", "1")
    assert_refused(cli("sweep", *grid, "--latex", "--format", "png"), "--latex", "add pdf")


def test_a_path_that_latex_cannot_read_is_said(cli, runs):
    done = cli("spectrum", "a", "--latex", "--out", "50%")
    assert done.code == 0
    assert "LaTeX cannot read the path 50%/" in done.err


def test_tables_keep_their_latex(cli, runs):
    assert "\\begin{tabular}" in cli("evaluate", "a", "--metrics", "recall", "--latex").out


@pytest.mark.slow
def test_latex_of_a_sweep(cli, folder):
    words = "sweep --data digits --epochs 1 --dim 4 --loss ep --lr 0.001 --out runs --latex"
    done = cli(*words.split())
    assert done.code == 0, done.err
    assert ENVIRONMENT.fullmatch(done.out.strip())
    assert faults(cli(*words.split(), "--json").json, "sweep") == []


def test_figures_makes_all_figures_and_a_document_that_compiles(cli, folder, runs):
    done = cli("figures", "a", "b", "--out", "paper", "--venue", "icml", "--names", HOSTILE, "--json")
    assert done.code == 0, done.err
    summary = done.json["summary"]
    assert "left_out" not in summary
    assert [name.split(" runs/")[0] for name in summary["made"]] == [
        "scatter", "scatter --flow", "trajectory", "distances", "spectrum", "components a", "components b",
        "pca-prune", "tsne", "curves", "verify",
    ]  # fmt: skip
    tex = (folder / "paper/figures.tex").read_text()
    found = [match.groups() for match in ENVIRONMENT.finditer(tex)]
    assert [f"paper/{path}" for _, path, _, _ in found] == done.json["figures"]
    assert len({label for *_, label in found}) == len(found) == 13
    for path in done.json["figures"]:
        assert pdf_size(path)[0] == pytest.approx(3.25, abs=0.01) or pdf_size(path)[0] == pytest.approx(6.75)
        told = sidecar_of(path)
        assert {"--latex", "--json"}.isdisjoint(told["command"])
        assert told["command"][0] == "embedlens"
    log = compiled(folder / "paper/figures.tex")
    assert "Overfull" not in log
    assert "too large" not in log
    assert (folder / "paper/figures.pdf").stat().st_size > 50_000


@pytest.mark.slow
def test_the_commands_that_figures_names_make_the_same_files(cli, folder, runs):
    made = cli("figures", "a", "--out", "paper", "--json").json
    path = next(path for path in made["figures"] if "spectrum" in path)
    before = (folder / path).read_bytes()
    assert cli(*sidecar_of(path)["command"][1:]).code == 0
    assert (folder / path).read_bytes() == before


def test_figures_leaves_out_what_cannot_be_made_and_says_why(cli, folder):
    with embedlens.Recorder("runs/few", labels={"test": np.arange(6) % 2}) as recorder:
        recorder.record(0, {"test": blobs(n=6, classes=2)[0]})
    done = cli("figures", "few", "--json")
    assert done.code == 0, done.err
    left = done.json["summary"]["left_out"]
    assert {"scatter --flow"} <= set(left) < set(done.json["summary"]["made"]) | set(left)
    for name, reason in left.items():
        assert f"left out: {name}: {reason}" in done.err
    assert "scatter" in done.json["summary"]["made"]
    compiled(folder / "runs/few/figures/figures.tex")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--venue", "nowhere"], "venue"),
        (["--format", "png"], "add pdf"),
        (["--split", "none"], "split"),
        (["--epoch", "77"], "epoch"),
        (["--epoch", "all"], "epoch"),
        (["--names", "x,y,z"], "--names"),
        (["--device", "gpu"], "device"),
    ],
)
def test_figures_refuses_wrong_options_before_it_makes_anything(cli, folder, runs, words, part):
    assert_refused(cli("figures", "a", "b", *words), part)
    assert not (folder / "figures").exists()


@pytest.mark.slow
def test_figures_through_the_real_entry_point(program, runs):
    done = program("figures", "a", "--split", "test")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == "compile it: cd runs/a/figures && pdflatex figures.tex"


@pytest.mark.parametrize("column", [3.25, None])
def test_many_figures_and_letters_that_tex_lacks_compile(tmp_path, column):
    (tmp_path / "a.pdf").write_bytes(_page())
    letters = "\u0416\u732b\U0001f600\u00e9\u2212\u200b \\x1b | \" < ~ -- ` ' {} $"
    texts = [
        environment("a.pdf", f"{letters} {n}.", wide=column is not None and n % 2 == 0) for n in range(40)
    ]
    tex = tmp_path / "figures.tex"
    tex.write_text(document(texts, full=6.875, column=column))
    assert "[U+0416]" in tex.read_text()
    compiled(tex)


def _page():
    """A PDF of one empty page."""
    import io

    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    Figure(figsize=(3, 2)).savefig(buffer, format="pdf")
    return buffer.getvalue()
