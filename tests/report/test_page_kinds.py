"""The page in other browsers and of other runs: no WebGL, dark, small, hostile texts, few or unlike runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from report_support import places_of, record

from embedlens import Recorder, open_run
from embedlens.report import Extent, InlineReport, ReportData, RunFacts, ThumbnailOptions, build_page, gather

PLAIN = Extent(figures=False)
NO_WEBGL = (
    "const kept = HTMLCanvasElement.prototype.getContext;"
    "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
    " return kind === 'webgl2' ? null : kept.call(this, kind, ...rest); };"
)


def axe_faults(one):
    """Serious and critical violations that axe finds in a page as it stands."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: access is not tested")
    found = axe.Axe().run(one.page).response["violations"]
    return [
        (fault["id"], fault["impact"], [node["html"][:200] for node in fault["nodes"][:3]])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_access(example, opened, scheme):
    one = opened(example.text, color_scheme=scheme)
    one.set(selected=[1, 2, 3], pinned=2)
    assert axe_faults(one) == []
    paper = one.js("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in paper[4:-1].split(",")) < 200) == (scheme == "dark")
    assert one.faults == []


def test_a_canvas_draws_the_same_where_webgl_is_missing(example, opened):
    one, other = opened(example.text, script=NO_WEBGL), opened(example.text)
    assert one.js("embedlens.page.panels.map(panel => panel.dots.kind)") == ["canvas", "canvas"]
    notice = one.page.locator(".notice")
    assert notice.is_visible()
    assert "no WebGL 2" in notice.inner_text()
    assert not other.page.locator(".notice").is_visible()
    for epoch in (4, 2.5):
        drawn = []
        for page in (one, other):
            page.set(epoch=epoch, selected=[20, 30])
            drawn.append(ink(page))
        for first, second in zip(*drawn, strict=True):
            assert first > 100
            assert abs(first - second) < 0.35 * second
    one.page.mouse.move(*one.place(20))
    assert one.js("embedlens.page.panels[0].dataset.rows[embedlens.page.panels[0].hovered]") == 20
    assert one.faults == other.faults == []


def ink(page):
    """How many pixels of each panel have a dot."""
    return page.js("""embedlens.page.panels.map(panel => {
      panel.draw(embedlens.page.state, new Uint8Array(panel.dataset.n));
      const copy = new OffscreenCanvas(panel.canvas.width, panel.canvas.height).getContext("2d");
      copy.drawImage(panel.canvas, 0, 0);
      const data = copy.getImageData(0, 0, panel.canvas.width, panel.canvas.height).data;
      let count = 0;
      for (let at = 3; at < data.length; at += 4) count += data[at] > 30;
      return count;
    })""")


def test_reduced_motion_steps_and_never_glides(example, opened):
    one = opened(example.text, reduced_motion="reduce")
    one.set(epoch=0)
    for epoch in (1, 4, 0):
        one.button("Play").click()
        assert one.state["epoch"] == epoch
        assert not one.state["playing"]
    assert one.faults == []


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(example, opened, width):
    one = opened(example.text, viewport={"width": width, "height": 740})
    one.set(selected=list(range(20)), pinned=3)
    assert one.js("document.documentElement.scrollWidth") <= width
    wide = one.js(
        """[...document.querySelectorAll("main *")]
        .filter(e => !e.closest(".scroll, canvas, option")
          && e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert wide == []
    if width == 360:
        box = one.page.locator(".overlay").first.bounding_box()
        assert box["width"] > 300
        toolbar = one.page.locator(".toolbar").bounding_box()
        assert toolbar["height"] < 130
    assert one.faults == []


HOSTILE = [
    "<script>window.hacked = 1</script>", "</script><img src=x onerror='window.hacked = 2'>",
    "\"'`${window.hacked = 3}\\", "\u202eevil\u202c \u200f\u05d0", "x" * 10_000, "a\0b",
    "=1+1", "<!--<script>",
]  # fmt: skip


def test_hostile_texts_are_shown_as_text(tmp_path, opened):
    labels = np.arange(64) % 8
    run = record(tmp_path / "a", n=64, classes=8, y=labels)
    data = gather(places_of(run), PLAIN)
    (dataset,) = data.datasets
    items = replace(dataset.items, class_names=dict(enumerate(HOSTILE)), columns={HOSTILE[1]: HOSTILE * 8})
    method = {HOSTILE[0]: HOSTILE[3], HOSTILE[4]: HOSTILE[4]}
    runs = [RunFacts(HOSTILE[1], "#009e73", method, [{HOSTILE[0]: 1.0, "epoch": 0}])]
    report = ReportData(
        HOSTILE[0], runs, [replace(dataset, items=items)], messages=HOSTILE, command=HOSTILE[7]
    )
    one = opened(build_page(report))
    assert one.page.locator("h1").inner_text() == HOSTILE[0]
    assert one.page.title() == HOSTILE[0]
    one.set(selected=list(range(8)), pinned=1)
    text = one.page.locator("main").inner_text()
    for label in HOSTILE:
        assert label[:120] in one.js("document.querySelector('main').textContent")
    assert HOSTILE[1] in text
    assert one.js("window.hacked") is None
    assert one.page.locator("main img, main script").count() == 0
    assert [one.js(f"embedlens.report.datasets[0].classes[{at}][1]") for at in range(8)] == HOSTILE
    export = one.js("embedlens.csv()")
    assert "'=1+1" in export
    assert '"""\'`${' in export
    search = one.page.get_by_label("Search", exact=True)
    search.fill("</script>")
    search.press("Enter")
    assert one.selected == [row for row in range(64) if "</script>" in HOSTILE[row % 8]]
    assert one.js("document.documentElement.scrollWidth") <= 1280
    assert axe_faults(one) == []
    assert one.faults == []


def test_a_run_of_one_epoch_has_no_slider_and_no_pictures(tmp_path, opened):
    data = gather(places_of(record(tmp_path / "a", epochs=1)), PLAIN)
    one = opened(build_page(data))
    assert not one.page.locator("#epoch").is_visible()
    assert not one.button("Play").is_visible()
    one.set(pinned=3, selected=[3])
    assert one.page.locator(".pinned .nothumb").count() == 3
    assert "no picture" in one.page.locator(".pinned").inner_text()
    assert one.faults == []


def test_runs_of_other_items_are_not_linked(tmp_path, opened):
    one = record(tmp_path / "one")
    two = record(tmp_path / "two", n=48)
    page = opened(build_page(gather(places_of(one, two), PLAIN)))
    assert page.page.locator(".panel").count() == 2
    assert "different items (one; two); they are not linked" in page.page.locator("footer").inner_text()
    page.page.mouse.move(*page.place(20, panel=1))
    assert page.js("embedlens.page.panels.map(panel => panel.hovered)") == [-1, 20]
    page.set(selected=[1, 2], group=0)
    page.page.mouse.click(*page.place(20, panel=1))
    assert (page.state["group"], page.state["pinned"], page.selected) == (1, 20, [])
    assert page.page.locator(".pinned .card").count() == 1
    assert page.faults == []


def test_a_sample_is_stated_and_unknown_rows_are_not_selected(tmp_path, opened):
    data = gather(places_of(record(tmp_path / "a")), Extent(sample=18, figures=False))
    one = opened(build_page(data))
    assert "18 of 60 triplets are shown" in one.page.locator("footer").inner_text()
    one.set(selected=list(range(60)))
    assert one.selected == data.datasets[0].rows.tolist()
    hidden = next(row for row in range(60) if row not in data.datasets[0].rows)
    assert one.js(f"embedlens.triplet('a', 'test', 0, {hidden})") is None
    assert "n = 60" in one.page.locator(".numbers").inner_text()
    assert one.faults == []


@pytest.mark.filterwarnings("ignore:perplexity")
def test_maps_follow_the_epoch_and_are_linked(tmp_path, opened):
    data = gather(places_of(record(tmp_path / "a")), Extent(tsne=True, figures=False))
    one = opened(build_page(data))
    maps = data.datasets[0].series[0].maps
    canvas = one.page.get_by_label("t-SNE map of run a")
    low, high = maps.xy.min(axis=(0, 1)), maps.xy.max(axis=(0, 1))
    side = (high - low).max()
    for epoch in (0, 2):
        one.set(epoch=epoch)
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        x, y = (maps.xy[epoch, 20] - (low + high - side) / 2) / side
        place = 8 + x * (box["width"] - 16), 8 + (1 - y) * (box["height"] - 16)
        one.page.mouse.move(box["x"] + place[0], box["y"] + place[1])
        found = one.js("embedlens.page.hoveredRow")
        near = (maps.xy[epoch, found] - maps.xy[epoch, 20]) / side * box["width"]
        assert np.abs(near).max() < 1
        assert one.js("embedlens.page.panels[0].hovered") == found
    one.page.mouse.click(box["x"] + place[0], box["y"] + place[1])
    assert one.state["pinned"] == found
    assert one.faults == []


@pytest.mark.slow
def test_paper_figures_are_shown_and_saved(tmp_path, opened):
    data = gather(places_of(record(tmp_path / "a")))
    one = opened(build_page(data))
    assert one.page.locator(".paper img").count() == len(data.figures) == 4
    sizes = one.js("[...document.querySelectorAll('.paper img')].map(image => image.naturalWidth)")
    assert min(sizes) > 100
    for number, kind in enumerate(("svg", "csv")):
        with one.page.expect_download() as waiting:
            one.page.locator(".paper").first.get_by_role("button").nth(number).click()
        text = waiting.value.path().read_text(encoding="utf-8")
        assert text == getattr(data.figures[0], kind)
        assert waiting.value.suggested_filename == f"distances-test.{kind}"
    assert axe_faults(one) == []
    assert one.faults == []


def test_inside_a_notebook(example, opened):
    frame = InlineReport(example.text, 700)._repr_html_()
    one = opened(f"<!doctype html><title>notebook</title><body>{frame}</body>", ready=False)
    inner = one.page.frames[1]
    inner.locator(".panel").first.wait_for()
    inner.evaluate("embedlens.set({ selected: [1, 2], pinned: 2 })")
    assert inner.evaluate("embedlens.state.selected") == [1, 2]
    assert inner.locator(".pinned .card").count() == 2
    assert one.faults == []


def test_thumbnails_may_be_left_out(example, opened):
    one = opened(build_page(example.data, ThumbnailOptions(count=0)))
    one.set(pinned=3)
    assert one.page.locator(".pinned .nothumb").count() == 6
    assert one.faults == []


def test_a_damaged_page_says_so(example, opened):
    one = opened(example.text.replace('id="block-3">', 'id="block-3">AAAA'), ready=False)
    main = one.page.locator("main")
    main.get_by_text("The report cannot be shown").wait_for()
    assert "damaged" in main.inner_text()


def test_a_run_that_counts_steps(tmp_path, opened):
    z, y = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3
    runs = {}
    for name, last in (("a", 1500), ("b", 1800)):
        with Recorder(tmp_path / name, labels={"test": y}) as recorder:
            for step, trained in ((0, 0.0), (500, 0.8333333), (last, 2.5)):
                recorder.record(trained, {"test": z + step * y[:, None]}, step=step, metrics={"loss": 1.0})
        runs[name] = open_run(tmp_path / name).pinned()
    one = opened(build_page(gather(places_of(runs["a"]), PLAIN)))
    label = one.page.locator("label", has=one.page.locator("#epoch"))
    assert label.inner_text().strip() == "Step"
    for position, text, near in (
        (2, "1,500 (epoch 2.5)", "step 1,500 (epoch 2.5)"),
        (1, "500 (epoch 0.83)", "step 500 (epoch 0.83)"),
        (1.25, "750", "step 500 (epoch 0.83)"),
    ):
        one.set(epoch=position)
        assert one.page.locator("output").first.inner_text() == text
        assert one.page.locator("#epoch").get_attribute("aria-valuetext") == f"step {text}"
        assert one.js("embedlens.page.panels[0].counted.textContent") == f"{near}, n = 30"
    one.set(epoch=2, pinned=3)
    assert "a, step 1,500 (epoch 2.5)" in one.page.locator(".card .where").first.inner_text()
    assert one.js("embedlens.page.speed.selectedOptions[0].textContent") == "1 snapshot a second"
    assert "a step 500 s_ap" in one.js("embedlens.csv()")
    assert one.faults == []
    both = opened(build_page(gather(places_of(*runs.values()), PLAIN)))
    both.set(epoch=2)  # at other steps
    assert both.page.locator("#epoch").get_attribute("aria-valuetext") == "snapshot 2"
    both.set(epoch=1)
    assert both.page.locator("#epoch").get_attribute("aria-valuetext") == "step 500 (epoch 0.83)"
    assert both.faults == []
