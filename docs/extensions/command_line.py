"""Reference pages of the command line, made from the program itself while the documentation is built.

The text is made without Sphinx: `pages` returns every page, `setup` hands them to Sphinx. So a page can
neither name an option that does not exist nor leave one out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_texts import PROGRAM, commands, program_help, program_options

from embedlens_cli.common.panels import ORDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from command_texts import CommandText, OptionText

FOLDER = Path("reference/commands")
"""Where the pages stand below the folder of the documentation."""
_NOTE = "<!-- Made from the program by docs/extensions/command_line.py; changes here are overwritten. -->"
_CODE = re.compile(r"(`[^`]+`)")
_FLAG = re.compile(r"(?<![\w`-])--[a-z][a-z-]*\w")
_SPECIAL = re.compile(r"([\\*_<>\[\]{}$|~#])")
_EXAMPLE = re.compile(r"Examples?:\s*", re.ASCII)


def pages(schemas: Iterable[str] = ()) -> dict[str, str]:
    """Return every page: file name -> Markdown (MyST).

    Parameters
    ----------
    schemas
        Names of the commands whose JSON answer has a schema, which their pages link to.
    """
    every, known = commands(), set(schemas)
    written = {f"{one.name}.md": _page(one, schema=one.name in known) for one in every}
    return {"index.md": _index(every), **written}


def anchor(command: str, name: str) -> str:
    """Return the target of an option: ``embedlens-scatter--animate``; of the program ``embedlens--debug``."""
    owner = f"{PROGRAM}-{command}" if command else PROGRAM
    return f"{owner}{name}" if name.startswith("-") else f"{owner}-{name.lower().replace(' ', '-')}"


def _index(every: Sequence[CommandText]) -> str:
    """Return the page that lists the commands."""
    lines = [
        _NOTE, "", "# Command line", "",
        "Every command has a page with its usage, arguments and options; `embedlens COMMAND --help` prints "
        "the same. Options of the program itself stand before the command.", "",
    ]  # fmt: skip
    for group, members in _grouped(every).items():
        lines += [f"## {group or 'Commands'}", "", "| command | what it answers |", "|---|---|"]
        lines += [f"| [`{one.name}`]({one.name}.md) | {marked(one.answer)} |" for one in members]
        lines.append("")
    lines += [f"## Options of `{PROGRAM}`", "", f"```{{program}} {PROGRAM}", "```", ""]
    for one in program_options():
        lines += _option(one, "", {})
    lines += ["## What `embedlens --help` prints", "", "```text", program_help().rstrip(), "```", ""]
    lines += ["```{toctree}", ":hidden:", "", *(one.name for one in every), "```"]
    return "\n".join(lines) + "\n"


def _grouped(every: Sequence[CommandText]) -> dict[str, list[CommandText]]:
    groups: dict[str, list[CommandText]] = {}
    for one in every:
        groups.setdefault(one.group, []).append(one)
    return groups


def _page(one: CommandText, *, schema: bool) -> str:
    """Return the page of a command."""
    own = {name: anchor(one.name, option.names[0]) for option in one.options for name in option.names}
    lines = [_NOTE, "", f"({PROGRAM}-{one.name})=", f"# {PROGRAM} {one.name}", ""]
    for paragraph in re.split(r"\n\s*\n", one.text):
        lines += [*_paragraph(paragraph, own), ""]
    lines += ["```text", one.usage, "```", "", f"```{{program}} {PROGRAM} {one.name}", "```", ""]
    if one.arguments:
        lines += ["## Arguments", ""]
        for argument in one.arguments:
            lines += _option(argument, one.name, own)
    there = dict.fromkeys(option.group for option in one.options)
    for group in [*(name for name in ORDER if name in there), *(name for name in there if name not in ORDER)]:
        lines += [f"## {group}", ""]
        for option in one.options:
            if option.group == group:
                lines += _option(option, one.name, own)
    if schema:
        lines += [
            "## JSON", "",
            f"The answer of `--json` follows the schema {{download}}`{one.name}.json "
            f"<../schemas/{one.name}.json>`; [JSON](../json.md) explains what answers have in common.", "",
        ]  # fmt: skip
    return "\n".join(lines)


def _paragraph(text: str, own: Mapping[str, str]) -> list[str]:
    """Return a paragraph of a help text; an example becomes a block."""
    text = text.replace("\b", "").strip("\n")
    heading = _EXAMPLE.match(text)
    if heading is None:
        return [marked(" ".join(text.split()), own)]
    lines = [line.strip().removeprefix("$ ") for line in text[heading.end() :].splitlines()]
    return ["```sh", *(line for line in lines if line), "```"]


def _option(one: OptionText, command: str, own: Mapping[str, str]) -> list[str]:
    """Return the entry of an argument or option."""
    declared = one.declaration.replace(" / ", ", ").replace("; ", ", ")
    declared = declared.replace(" range>", ">").replace(" <list[str]>", "")
    lines = [f"({anchor(command, one.names[0])})=", f"````{{option}} {declared}", marked(one.text, own), ""]
    if one.note:
        lines += [_note(one.note), ""]
    if one.former:
        lines += [f"Former name, still read: {', '.join(f'`{name}`' for name in one.former)}.", ""]
    return [*lines, "````", ""]


def _note(text: str) -> str:
    """Return default, range and whether an option is required; a default in parentheses is in words."""
    words = re.fullmatch(r"default: \((.+)\)(?:; (.+))?", text)
    if words:
        return f"Default: {marked(words[1])}." + (f" Range: `{words[2]}`." if words[2] else "")
    value = re.fullmatch(r"default: (.+?)(?:; (\S*x\S*))?", text)
    if value:
        return f"Default: `{value[1]}`." + (f" Range: `{value[2]}`." if value[2] else "")
    return f"Range: `{text}`." if "x" in text and "=" in text else f"{text.capitalize()}."


def marked(text: str, links: Mapping[str, str] | None = None) -> str:
    """Return plain help as Markdown: nothing in it is markup but code in backquotes; options are code.

    Parameters
    ----------
    text
        The help, one paragraph.
    links
        Options that have an entry on the page -> their target; they become links.
    """

    def option(match: re.Match[str]) -> str:
        target = (links or {}).get(match[0])
        return f"[`{match[0]}`](#{target})" if target else f"`{match[0]}`"

    parts = []
    for place, part in enumerate(_CODE.split(text)):
        if place % 2:
            parts.append(part)
            continue
        start = 0
        for match in _FLAG.finditer(part):
            parts += [_SPECIAL.sub(r"\\\1", part[start : match.start()]), option(match)]
            start = match.end()
        parts.append(_SPECIAL.sub(r"\\\1", part[start:]))
    return "".join(parts)


def write(folder: Path) -> list[Path]:
    """Write the pages below a folder of documentation, those alone that differ; return all their paths."""
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    schemas = [path.stem for path in (target.parent / "schemas").glob("*.json")]
    texts = pages(schemas)
    for path in target.glob("*.md"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        path = target / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return [target / name for name in texts]


def setup(sphinx: Any) -> dict[str, Any]:
    """Let Sphinx write the pages before it reads the documents."""
    sphinx.connect("builder-inited", lambda app: write(Path(app.srcdir)))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
