"""The page as text: one file, a policy without exceptions, data that stays data, and runs from Python."""

from __future__ import annotations

import base64
import hashlib
import html
import re

import numpy as np
import pytest
from report_support import header_in, places_of, record
from support import write_run

from embedlens.report import Extent, ReportData, ThumbnailOptions, build, build_page, gather, show
from embedlens.report.page_text import MODULES, program_text

PLAIN = Extent(figures=False)
HOSTILE = ["<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "{{program}}", "\u202eabc"]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    pictures = np.random.default_rng(0).integers(256, size=(60, 6, 6), dtype=np.uint8)
    run = record(folder / "a", thumbnails={"test": pictures}, items={"test": {"path": ["a/b.png"] * 60}})
    return build_page(gather(places_of(run), PLAIN))


def test_it_is_one_file_that_reaches_nothing(page):
    assert page.startswith("<!doctype html>\n<!-- embedlens report -->\n")
    assert not re.findall(r"<(?:link|iframe|object|embed|img|base)\b", page.partition("<main>")[2])
    assert not re.findall(r"\s(?:src|href|on\w+)=", re.sub(r"<script.*?</script>", "", page, flags=re.S))
    program = re.search(r'<script type="module">(.*?)</script>', page, re.DOTALL)[1]
    for word in ("eval(", "new Function", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
                 "fetch(", "XMLHttpRequest", "import(", "http:", "https:"):  # fmt: skip
        assert word not in program, word


def test_the_policy_allows_its_own_program_and_styles_alone(page):
    policy = html.unescape(re.search(r'Policy" content="([^"]+)"', page)[1])
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    for name, text in (
        ("script-src", re.search(r'<script type="module">(.*?)</script>', page, re.DOTALL)[1]),
        ("style-src", re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]),
    ):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules.pop(name) == f"'sha256-{digest}'"
    assert rules == {
        "default-src": "'none'", "img-src": "data: blob:", "base-uri": "'none'", "form-action": "'none'",
    }  # fmt: skip


def test_its_header_describes_every_block(page):
    header, blocks = header_in(page)
    found = re.findall(r'"block": "(block-\d+)"', re.search(r'id="header">(.*?)<', page)[1])
    assert sorted(found) == sorted(blocks)
    (dataset,) = header["datasets"]
    assert dataset["thumbnails"]["columns"] == 8
    assert dataset["series"][0]["epochs"] == [0, 1, 2]
    assert header["runs"][0]["log"]["loss"] == [1.0, 1 / 2, 1 / 3]


def test_thumbnails_by_option(tmp_path):
    run = record(tmp_path / "a", thumbnails={"test": np.zeros((60, 6, 6), np.uint8)})
    data = gather(places_of(run), PLAIN)
    header, _ = header_in(build_page(data, ThumbnailOptions(count=0)))
    assert header["datasets"][0]["thumbnails"] is None
    header, _ = header_in(build_page(data, ThumbnailOptions(count=10, size=3)))
    assert header["datasets"][0]["thumbnails"]["rows"]["shape"] == [10]
    assert header["datasets"][0]["thumbnails"]["width"] == 3


def test_texts_of_the_data_stay_data(tmp_path):
    labels = np.arange(60) % 4
    names = dict(enumerate(HOSTILE))
    run = record(tmp_path / "a", y=labels, class_names=names, items={"test": {HOSTILE[1]: HOSTILE * 15}})
    data = gather(places_of(run), PLAIN)
    page = build_page(ReportData(HOSTILE[1], data.runs, data.datasets, messages=HOSTILE))
    assert page.count("<script>") == 0
    assert page.count('<script type="module">') == 1
    assert page.count("</script>") == page.count("<script ")
    header, _ = header_in(page)
    assert header["title"] == HOSTILE[1]
    assert header["messages"] == HOSTILE
    assert list(header["datasets"][0]["columns"]) == [HOSTILE[1]]


def test_modules_share_one_scope():
    """They are joined into one program, so a name at the top of two modules would be an error."""
    from importlib import resources

    folder = resources.files("embedlens.report") / "page"
    assert {f"{name}.js" for name in MODULES} == {
        path.name for path in folder.iterdir() if path.name.endswith(".js")
    }
    names = re.findall(
        r"^(?:export )?(?:async )?(?:function|class|const|let|var) (\w+)",
        "\n".join((folder / f"{name}.js").read_text() for name in MODULES), re.MULTILINE,
    )  # fmt: skip
    assert len(names) > 60
    assert sorted(set(names)) == sorted(names)
    assert not re.search(r"^(?:import|export)\b", program_text(), re.MULTILINE)


def test_imports_name_what_modules_export():
    from importlib import resources

    folder = resources.files("embedlens.report") / "page"
    texts = {name: (folder / f"{name}.js").read_text() for name in MODULES}
    for name, text in texts.items():
        assert (
            "import" not in re.sub(r'^import \{ [^}]+ \} from "\./\w+\.js";$', "", text, flags=re.M).split()
        )
        for imported, other in re.findall(r'^import \{ ([^}]+) \} from "\./(\w+)\.js";$', text, re.MULTILINE):
            assert other != name
            for one in imported.split(", "):
                declared = rf"^export (?:async )?(?:function|class|const|let) {one}\b"
                assert re.search(declared, texts[other], re.MULTILINE), (name, one)
                assert len(re.findall(rf"\b{one}\b", text)) > 1, (name, one)


def test_from_python_by_path_run_and_in_a_notebook(tmp_path):
    run = write_run(tmp_path / "a")
    header, _ = header_in(build(run, splits=["test"], epochs=[0, -1], extent=PLAIN))
    assert [one["split"] for one in header["datasets"]] == ["test"]
    assert header["datasets"][0]["series"][0]["epochs"] == [0, 2]
    header, _ = header_in(build([str(run.path)], extent=PLAIN))
    assert [one["split"] for one in header["datasets"]] == ["train", "test"]
    shown = show(tmp_path / "a", height=500, extent=PLAIN)
    text = shown._repr_html_()
    assert html.unescape(re.search(r'srcdoc="([^"]*)"', text)[1]) == shown.page
    assert "height: 500px" in text
    assert 'sandbox="allow-scripts allow-downloads"' in text
    assert re.fullmatch(r"InlineReport\(\d+\.\d MB\)", repr(shown))
