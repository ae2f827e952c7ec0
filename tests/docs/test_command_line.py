"""The command line in the documentation: its generated reference, and every command line that is shown."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
import typer

from embedlens_cli.main import app

ROOT = Path(__file__).parent.parent.parent
WORDS_BEFORE_A_PACKAGE = {"pip", "install", "import", "git", "cd", "mypy", "ruff"}


def _extension():
    path = ROOT / "docs/extensions/command_line.py"
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("command_line_pages", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


extension = _extension()
PAGES = extension.pages()
program = typer.main.get_command(app)
COMMANDS = {name: command for name, command in program.commands.items() if not command.hidden}


def visible(command):
    """The spellings of all options and the placeholders of all arguments that are not hidden."""
    names = {"-h", "--help"}
    for parameter in command.params:
        if not parameter.hidden:
            is_option = parameter.opts[0].startswith("-")
            names |= {*parameter.opts, *parameter.secondary_opts} if is_option else {parameter.metavar}
    return names


def entries(page):
    """The spellings that have an entry on a page, and the targets before them."""
    found, targets = set(), []
    for target, declared in re.findall(r"^\((.+)\)=\n````\{option\} (.+)$", page, re.MULTILINE):
        targets.append(target)
        found |= {part.split(" ")[0] for part in declared.split(", ")}
    return found, targets


def test_every_command_has_a_page_and_nothing_else():
    assert set(PAGES) == {"index.md"} | {f"{name}.md" for name in COMMANDS}
    for name in COMMANDS:
        assert f"[`{name}`]({name}.md)" in PAGES["index.md"]
        assert f"\n{name}\n" in PAGES["index.md"].partition("{toctree}")[2]
    assert extension.program_help().strip() in PAGES["index.md"]


@pytest.mark.parametrize("name", [*COMMANDS, "index"])
def test_a_page_has_every_visible_option_and_nothing_else(name):
    found, targets = entries(PAGES[f"{name}.md"])
    expected = visible(COMMANDS.get(name, program))
    if name == "index":
        expected |= {"--install-completion", "--show-completion"}
    assert found == {one.split(" ")[0] for one in expected}
    owner = "embedlens" if name == "index" else f"embedlens-{name}"
    assert all(target.startswith(f"{owner}-") for target in targets)
    assert len(set(targets)) == len(targets)


def test_entries_say_help_default_range_and_former_names():
    scatter, evaluate = PAGES["scatter.md"], PAGES["evaluate.md"]
    entry = scatter.partition("(embedlens-scatter--fps)=")[2].partition("\n````\n")[0]
    assert "epochs per second" in entry
    assert "Default: `2.0`. Range: `0.1<=x<=60`." in entry
    assert (
        "Default: first." in scatter.partition("(embedlens-scatter--flow-from)=")[2].partition("\n````\n")[0]
    )
    assert "Required." in PAGES["import.md"].partition("(embedlens-import--out)=")[2].partition("\n````\n")[0]
    entry = evaluate.partition("(embedlens-evaluate--unknown-class)=")[2].partition("\n````\n")[0]
    assert "Former name, still read: `--new-label`." in entry


def test_options_stand_in_groups():
    def sections(name):
        text = PAGES[f"{name}.md"]
        return {part.partition("\n")[0]: entries(part)[0] for part in text.split("\n## ")[1:]}

    scatter, train = sections("scatter"), sections("train")
    panels = ["Arguments", "What is read", "Analysis", "Items left out", "Computation", "Output"]
    assert list(scatter) == panels
    assert {"--split", "--epoch", "--labels"} == scatter["What is read"]
    left_out = {"--ignore-label", "--distractor-label", "--exclude-duplicates", "--junk", "--not-same"}
    assert left_out == scatter["Items left out"]
    assert {"--out", "--format", "--venue", "--json"} < scatter["Output"]
    assert {"--backbone", "--pretrained", "--no-pretrained"} < train["Network"]
    assert {"--loss", "--margin"} < train["Loss"]
    assert {"--clusters", "--method"} < train["Method"]


def test_links_to_options_have_a_target():
    for name, page in PAGES.items():
        targets = set(entries(page)[1])
        for link in re.findall(r"\]\(#([^)]+)\)", page):
            assert link in targets, (name, link)


def test_help_is_plain_text_in_markdown():
    text = extension.marked("a_b *c* <d> $E [f] `g_h` and --limits -1,1", {"--limits": "t"})
    assert text == "a\\_b \\*c\\* \\<d\\> \\$E \\[f\\] `g_h` and [`--limits`](#t) -1,1"


def test_pages_are_written_once_and_old_ones_go(tmp_path):
    (tmp_path / "reference/schemas").mkdir(parents=True)
    (tmp_path / "reference/schemas/scatter.json").write_text("{}")
    written = extension.write(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in written}
    old = tmp_path / "reference/commands/gone.md"
    old.write_text("# gone")
    assert extension.write(tmp_path) == written
    assert {path: path.stat().st_mtime_ns for path in written} == before
    assert not old.exists()
    assert "schemas/scatter.json" in (tmp_path / "reference/commands/scatter.md").read_text()
    assert "schemas/" not in (tmp_path / "reference/commands/demo.md").read_text()


def shell_lines(text):
    """The simple commands of a piece of shell: lists of words. Pipes, `&&`, comments and `\\` are read."""
    for line in text.replace("\\\n", " ").splitlines():
        reader = shlex.shlex(line, posix=True, punctuation_chars="|&;()")
        reader.whitespace_split, reader.commenters = True, "#"
        words = []
        for word in reader:
            if set(word) <= set("|&;()"):
                yield words
                words = []
            else:
                words.append(word)
        yield words


def command_lines(words):
    """What follows the program's name in a simple command, if it is called there."""
    if "embedlens" in words:
        at = words.index("embedlens")
        if not WORDS_BEFORE_A_PACKAGE & set(words[:at]):
            yield [word.strip("[]") for word in words[at + 1 :] if word.strip("[].…")]


def shown(path):
    """Every command line that a document or an example shows: the words after `embedlens`."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        text = re.sub(r"\\\n(?:# )?", " ", text)  # a command line of several lines, in a comment or not
    blocks = [] if path.suffix == ".py" else re.findall(r"^ *```sh\n(.*?)^ *```", text, re.S | re.M)
    rest = re.sub(r"^ *```.*?^ *```", "", text, flags=re.S | re.M)
    spans = [" ".join(span.split()) for span in re.findall(r"(?<!`)`(embedlens\s[^`]+)`(?!`)", rest)]
    lines = re.findall(r"^\s*(?:#\s+)?\$?\s*(embedlens [a-z].*)$", text, re.M) if path.suffix == ".py" else []
    for piece in [*blocks, *spans, *lines]:
        for words in shell_lines(piece):
            yield from command_lines(words)


def documents():
    """The documents and examples that are written by hand."""
    made = [
        ROOT / "docs" / name
        for name in ("_build", "gallery", "work", "reference/commands", "reference/python")
    ]
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    paths += sorted((ROOT / "examples").rglob("*.py"))
    return [path for path in paths if not any(folder in path.parents for folder in made)]


def check(words):
    """Refuse a command line whose command or options do not exist, as the program itself would."""
    if not words or words[0] == "COMMAND":
        return
    context = program.make_context("embedlens", [], resilient_parsing=True)
    if words[0].startswith("-"):
        assert words[0] in visible(program) | {"--install-completion", "--show-completion"}, words
        return
    assert words[0] in COMMANDS, words
    command = COMMANDS[words[0]]
    inner = command.context_class(command, info_name=words[0], parent=context)
    given = [word for word in words[1:] if word != "--debug"]
    left = command.make_parser(inner).parse_args(given)[1]
    assert not left, (words, left)


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_command_lines_of_documents_and_examples_exist(path):
    for words in shown(path):
        try:
            check(words)
        except Exception as error:
            message = f"`embedlens {shlex.join(words)}`: {error}"
            raise AssertionError(message) from error


def test_command_lines_are_found():
    readme = list(shown(ROOT / "README.md"))
    assert ["demo"] in readme
    assert any(words[0] == "scatter" for words in readme)
    text = "A=1 embedlens info a \\\n  --json | head  # embedlens\nembedlens import 'a|b' && embedlens demo\n"
    lines = [one for words in shell_lines(text) for one in command_lines(words)]
    assert lines == [["info", "a", "--json"], ["import", "a|b"], ["demo"]]


@pytest.mark.parametrize(
    "words", [["scater"], ["scatter", "--flwo"], ["scatter", "--fps"], ["demo", "extra"], ["--vers"]]
)
def test_command_lines_that_do_not_exist_are_refused(words):
    with pytest.raises(Exception):  # noqa: B017, PT011 - the parser has several
        check(words)
