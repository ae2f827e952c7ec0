"""The page in a browser: every number, way of selecting and view against Python."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest
from PIL import Image
from report_support import RUNS, dataset, series, table

from embedlens.analysis.triplets.nearest import nearest_triplets


def distances(example, run, epoch):
    one = series(example, run)
    number = one.epochs.index(epoch)
    return np.hypot(1 - one.s_ap[number], one.s_an[number])


def test_every_triplet_is_that_of_the_analysis(page, example):
    limit = page.js("embedlens.report.similarity.largest_error")
    assert f"{limit:.5f} at most" in page.page.locator("footer").inner_text()
    for number, run in enumerate(example.runs):
        for split in run.splits:
            for epoch in run.epochs():
                snapshot = run.snapshot(split, epoch)
                triplets = nearest_triplets(snapshot.embeddings, snapshot.labels)
                found = page.js(
                    "([run, split, epoch]) => Array.from({ length: 61 }, (_, row) =>"
                    " embedlens.triplet(run, split, epoch, row))",
                    [RUNS[number], split, epoch],
                )
                assert [row for row, one in enumerate(found) if one is None] == [7]
                found = [one for one in found if one]
                for name in ("anchor", "positive", "negative"):
                    assert [one[name] for one in found] == getattr(triplets, name).tolist()
                for name in ("s_ap", "s_an"):
                    error = np.abs([one[name] for one in found] - getattr(triplets, name))
                    assert error.max() <= limit
                ideal = np.hypot(1 - triplets.s_ap, triplets.s_an)
                assert [one["distance"] for one in found] == pytest.approx(ideal, abs=2 * limit)


@pytest.mark.parametrize(("run", "epoch"), [(0, 4), (1, 0), (1, 1)])
def test_hovering_names_the_exact_row(page, example, run, epoch):
    page.set(epoch=epoch)
    one = series(example, run)
    number = one.epochs.index(epoch)
    for row in (0, 20, 60):
        at = dataset(example).rows.tolist().index(row)
        left, top = page.place(row, run)
        page.page.mouse.move(left, top)
        assert page.js("embedlens.page.panels.map(panel => panel.hovered)") == [at, at]
        card = page.page.locator(".floating .card")
        card.wait_for(state="visible")
        text = card.inner_text()
        assert f"{RUNS[run]}, epoch {epoch}" in text
        items = [row, int(one.positive[number, at]), int(one.negative[number, at])]
        assert [int(found) for found in re.findall(r"row (\d+)", text)] == items
        labels = example.runs[0].labels("test")
        for label in labels[items]:
            assert f"{example.runs[0].class_names[int(label)]} ({label})" in text
        shown = [float(number) for number in re.findall(r"(?:positive|negative|0\)):? (\d\.\d+)", text)]
        exact = [one.s_ap[number, at], one.s_an[number, at], distances(example, run, epoch)[at]]
        assert shown == pytest.approx(exact, abs=2e-4)
        assert card.locator("canvas").count() == 3
        page.page.mouse.move(0, 0)
        card.wait_for(state="hidden")


def test_thumbnails_are_those_of_the_items(page, example):
    page.set(pinned=12)
    page.page.wait_for_timeout(200)
    drawn = page.js(
        "Array.from(document.querySelector('.pinned canvas').getContext('2d').getImageData(0, 0, 6, 8).data)"
    )
    picture = np.asarray(example.runs[0].thumbnails("test")[12])
    shown = np.array(drawn).reshape(8, 6, 4)[..., 0].astype(float)
    assert np.corrcoef(shown.ravel(), picture.ravel())[0, 1] > 0.95


def test_a_click_pins_a_row_and_draws_its_path_in_every_run(page, example):
    before = [page.page.locator(".overlay").nth(run).screenshot() for run in (0, 1)]
    page.page.mouse.click(*page.place(20))
    page.page.mouse.move(0, 0)
    assert page.state["pinned"] == 20
    assert page.page.locator(".pinned .card").count() == 2
    for run in (0, 1):
        assert page.page.locator(".overlay").nth(run).screenshot() != before[run]
        one = series(example, run)
        at = dataset(example).rows.tolist().index(20)
        for number in range(3):
            left, top = page.js(
                f"embedlens.page.panels[{run}].toPixels({one.s_ap[number, at]}, {one.s_an[number, at]})"
            )
            corner = page.js(
                "([run, left, top]) => { const copy = new OffscreenCanvas(1, 1).getContext('2d');"
                "copy.drawImage(embedlens.page.panels[run].overlay, -left, -top);"
                "return Array.from(copy.getImageData(0, 0, 1, 1).data); }",
                [run, round(left), round(top)],
            )
            assert corner[3] > 200  # the path has a dot there
    page.page.mouse.click(*page.place(20))
    page.button("Unpin").click()
    assert page.state["pinned"] is None


@pytest.mark.parametrize("epoch", [0, 4, 2.5])
def test_inside_is_the_set_of_numpy(page, example, epoch):
    page.set(epoch=epoch)
    random = np.random.default_rng(0)
    for run in (0, 1):
        x, y = at_epoch(series(example, run), epoch)
        for _ in range(20):
            polygon = random.uniform(-0.3, 1.1, size=(5, 2))
            found = page.js(
                "([run, polygon]) => embedlens.inside(run, 'test', polygon)", [run, polygon.tolist()]
            )
            rounded = set(dataset(example).rows[even_odd(polygon, x, y)].tolist()) ^ set(found)
            places = [dataset(example).rows.tolist().index(row) for row in rounded]
            assert all(distance_to_edge(polygon, (x[at], y[at])) < 1e-4 for at in places)


def at_epoch(one, epoch):
    """Both similarities of every item at an epoch, or between two of them."""
    return [
        np.array([np.interp(epoch, one.epochs, line) for line in values.T]) for values in (one.s_ap, one.s_an)
    ]


def even_odd(polygon, x, y):
    """Whether points lie inside a polygon, by the rule of odd crossings, in numpy."""
    inside = np.zeros(len(x), bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, 1, axis=0), strict=True):
        inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


def distance_to_edge(polygon, point):
    found = []
    for a, b in zip(polygon, np.roll(polygon, 1, axis=0), strict=True):
        part = np.clip((point - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        found.append(np.linalg.norm(a + part * (b - a) - point))
    return min(found)


def drag(page, corners, panel=0):
    """Draw a line in a panel: corners in data coordinates."""
    page.page.locator(".overlay").nth(panel).scroll_into_view_if_needed()
    box = page.page.locator(".overlay").nth(panel).bounding_box()
    pixels = [page.js(f"embedlens.page.panels[{panel}].toPixels({x}, {y})") for x, y in corners]
    for number, (left, top) in enumerate(pixels):
        page.page.mouse.move(box["x"] + left, box["y"] + top)
        if number == 0:
            page.page.mouse.down()
    page.page.mouse.up()


def test_lasso_and_rectangle(page, example):
    one = series(example, 1)
    corners = [(0.2, 0.1), (0.9, 0.2), (0.95, 0.9), (0.4, 0.7)]
    page.choose("Drag in a panel", "lasso")
    drag(page, corners, panel=1)
    wanted = dataset(example).rows[even_odd(np.array(corners), one.s_ap[2], one.s_an[2])]
    assert len(set(wanted.tolist()) ^ set(page.selected)) <= 1  # corners are whole pixels
    page.choose("Drag in a panel", "rectangle")
    drag(page, [(0.3, 0.1), (0.9, 0.6)], panel=1)
    wanted = dataset(example).rows[
        (one.s_ap[2] > 0.3) & (one.s_ap[2] < 0.9) & (one.s_an[2] > 0.1) & (one.s_an[2] < 0.6)
    ]
    assert len(set(wanted.tolist()) ^ set(page.selected)) <= 1


def test_zoom_shows_a_rectangle_and_the_whole_again(page, example):
    page.choose("Drag in a panel", "zoom")
    drag(page, [(0.3, 0.2), (0.9, 0.7)])
    assert page.state["view"] == pytest.approx([0.3, 0.9, 0.2, 0.7], abs=0.01)
    assert page.selected == []
    page.choose("Drag in a panel", "point")
    one = series(example, 0)
    at = np.flatnonzero((abs(one.s_ap[2] - 0.6) < 0.25) & (abs(one.s_an[2] - 0.45) < 0.2))[0]
    row = int(dataset(example).rows[at])
    page.page.mouse.move(*page.place(row))
    assert page.js("embedlens.page.panels[0].hovered") == at
    page.set(selected=[row])
    page.button("Zoom to selection").click()
    left, right, bottom, top = page.state["view"]
    for run in (0, 1):
        one = series(example, run)
        assert left < one.s_ap[2, at] < right
        assert bottom < one.s_an[2, at] < top
    page.button("Whole diagram").click()
    assert page.state["view"] is None


REGIONS = {
    "above the diagonal": lambda x, y: y > x,
    "below the diagonal": lambda x, y: y < x,
    "on the diagonal": lambda x, y: y == x,
    "top right": lambda x, y: (x > 0.8) & (y > 0.8),
    "right boundary": lambda x, y: x > 0.95,
}


@pytest.mark.parametrize("region", REGIONS)
def test_regions(page, example, region):
    for run in (0, 1):
        page.choose("Region", region)
        page.page.get_by_label("Run of the region").select_option(RUNS[run])
        page.button("Select region").click()
        one = series(example, run)
        wanted = dataset(example).rows[REGIONS[region](one.s_ap[2], one.s_an[2])].tolist()
        assert page.selected == wanted
        names = {"above the diagonal": "above diagonal", "below the diagonal": "R@1"}
        if region != "on the diagonal":
            shown = page.page.locator(".panel").nth(run).get_by_role("button", name=names.get(region, region))
            assert f"{100 * len(wanted) / 60:.1f} %" in shown.inner_text()
            page.set(selected=[])
            shown.click()
            assert page.selected == wanted


def test_fractions_follow_the_epoch(page, example):
    for number, epoch in enumerate((0, 1, 4)):
        page.set(epoch=epoch)
        for run in (0, 1):
            text = page.page.locator(".panel .numbers").nth(run).inner_text()
            summary = series(example, run).summaries[number]
            assert f"epoch {epoch}, n = 60" in text
            for name in ("recall_at_1", "above_diagonal", "top_right", "right_boundary"):
                assert f"{100 * summary[name]:.1f} %" in text


def test_search(page, example):
    labels = example.runs[0].labels("test")
    rows = dataset(example).rows
    for text, wanted in {
        "BEES": rows[labels[rows] == 1],
        "2": [row for row in rows.tolist() if "2" in f"{row:03d}" or labels[row] == 2],
        "images/03": [row for row in range(30, 40)],
        "33.png": [33],
        "nothing": [],
    }.items():
        page.page.get_by_label("Search", exact=True).fill(text)
        page.button("Select matches").click()
        assert page.selected == list(wanted), text


def test_movers_and_disagreement(page, example):
    rows = dataset(example).rows
    change = np.max([abs(distances(example, run, 4) - distances(example, run, 0)) for run in (0, 1)], axis=0)
    spread = abs(distances(example, 0, 4) - distances(example, 1, 4))
    page.page.get_by_label("The", exact=True).fill("9")
    for name, measure in (("that moved most", change), ("on which the runs differ most", spread)):
        page.button(name).click()
        assert page.selected == sorted(rows[np.argsort(-measure, kind="stable")[:9]].tolist())


def test_selections_combine(page):
    page.set(selected=[1, 2, 3])
    search = page.page.get_by_label("Search", exact=True)
    for how, wanted in (("add", [1, 2, 3, 55]), ("subtract", [1, 2, 3]), ("intersect", [])):
        page.choose("A new selection is to", how)
        search.fill("055.png")
        search.press("Enter")
        assert page.selected == wanted
    page.set(selected=[4])
    page.button("Clear selection").click()
    assert page.selected == []


def test_the_table_of_the_selection_and_its_order(page, example):
    rows = [3, 8, 21, 40]
    page.set(selected=rows)
    places = [dataset(example).rows.tolist().index(row) for row in rows]
    labels = example.runs[0].labels("test")
    lines = table(page, ".table")
    assert [int(line[1]) for line in lines] == rows
    for line, row, at in zip(lines, rows, places, strict=True):
        assert line[2:4] == [str(labels[row]), example.runs[0].class_names[int(labels[row])]]
        numbers = [
            value for run in (0, 1) for one in [series(example, run)]
            for value in (one.s_ap[2, at], one.s_an[2, at], distances(example, run, 4)[at])
        ]  # fmt: skip
        assert [float(cell) for cell in line[4:]] == pytest.approx(numbers, abs=2e-4)
    head = page.page.locator(".table thead")
    head.get_by_role("button", name="second distance").click()
    order = np.argsort(distances(example, 1, 4)[places])
    assert [int(line[1]) for line in table(page, ".table")] == [rows[at] for at in order]
    head.get_by_role("button", name="second distance").click()
    assert [int(line[1]) for line in table(page, ".table")] == [rows[at] for at in order[::-1]]
    assert head.locator("th[aria-sort=descending]").count() == 1
    head.get_by_role("button", name="row", exact=False).first.click()
    page.page.locator(".table").get_by_role("button", name="Pin row 21").click()
    assert page.state["pinned"] == 21


def test_linked_views_mark_the_hovered_row(page):
    page.set(selected=[20, 21])
    page.page.mouse.move(*page.place(20))
    assert page.page.locator(".table tr.hovered").get_attribute("data-row") == "20"
    assert page.page.locator(".view tr.hovered").count() == 1
    page.page.mouse.move(0, 0)
    assert page.page.locator("tr.hovered").count() == 0
    line = page.page.locator(".table tr[data-row='21']")
    line.scroll_into_view_if_needed()
    line.hover()
    at = page.js("embedlens.page.dataset.place.get(21)")
    assert page.js("embedlens.page.panels.map(panel => panel.hovered)") == [at, at]
    assert page.js("embedlens.page.histogram.marked") == 21


def test_export(page, example):
    rows = [3, 8, 21]
    page.set(selected=rows)
    with page.page.expect_download() as waiting:
        page.button("Save selection as CSV").click()
    assert waiting.value.suggested_filename == "selection.csv"
    text = waiting.value.path().read_text(encoding="utf-8")
    assert text.replace("\r\n", "\n") == page.js("embedlens.csv()").replace("\r\n", "\n")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [int(line["row"]) for line in lines] == rows
    labels = example.runs[0].labels("test")
    for line, row in zip(lines, rows, strict=True):
        at = dataset(example).rows.tolist().index(row)
        assert line["label"] == str(labels[row])
        assert line["class"] == example.runs[0].class_names[int(labels[row])]
        for run in (0, 1):
            one = series(example, run)
            for number, epoch in enumerate(one.epochs):
                name = f"{RUNS[run]} epoch {epoch}"
                assert float(line[f"{name} s_ap"]) == pytest.approx(one.s_ap[number, at], abs=1e-4)
                assert float(line[f"{name} s_an"]) == pytest.approx(one.s_an[number, at], abs=1e-4)
                assert int(line[f"{name} positive"]) == one.positive[number, at]
                assert int(line[f"{name} negative"]) == one.negative[number, at]


def test_brush_of_the_histogram(page, example):
    page.page.get_by_label("Run of the distances").select_option("second")
    canvas = page.page.get_by_label("Histogram of the distances to (1, 0)")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.page.mouse.move(box["x"] + 150, box["y"] + 50)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 260, box["y"] + 60, steps=3)
    page.page.mouse.up()
    names = ("Distance from", "Distance to")
    low, high = (float(page.page.get_by_label(name).input_value()) for name in names)
    assert high > low > 0
    ideal = distances(example, 1, 4)
    wanted = set(dataset(example).rows[(ideal >= low) & (ideal <= high)].tolist())
    assert wanted
    assert len(wanted ^ set(page.selected)) <= 1
    page.page.get_by_label("Distance from").fill("0.3")
    page.page.get_by_label("Distance to").fill("0.7")
    page.button("Select").click()
    assert page.selected == dataset(example).rows[(ideal >= 0.3) & (ideal <= 0.7)].tolist()


def test_table_of_classes(page, example):
    labels = example.runs[0].labels("test")[dataset(example).rows]
    for number, epoch in enumerate((0, 1, 4)):
        page.set(epoch=epoch)
        found = page.js("embedlens.classes()")
        names = [f"class of {animal}" for animal in ("ants", "bees", "cats", "dogs", "elks", "foxes")]
        assert [line["name"] for line in found] == names
        for line in found:
            own = labels == int(line["label"])
            assert line["n"] == own.sum()
            for run in (0, 1):
                one = series(example, run)
                below = one.s_ap[number] > one.s_an[number]
                assert line["recalls"][run] == pytest.approx(below[own].mean())
    view = page.page.locator(".view", has_text="Classes (6)")
    view.get_by_role("button", name="R@1 second").click()
    shown = [float(line[3].strip(" %")) for line in table(page, ".view")]
    assert shown == sorted(shown)
    view.get_by_role("button", name="class of cats").click()
    assert page.selected == dataset(example).rows[labels == 2].tolist()


def test_the_slider_stops_at_a_fraction(page, example):
    one = series(example, 0)
    page.set(epoch=2.5)
    places = page.js("Array.from(embedlens.page.panels[0].gridAt(embedlens.state.epoch).places)")
    mixed = np.stack([values[1] + (values[2] - values[1]) * 0.5 for values in (one.s_ap, one.s_an)], axis=1)
    assert np.reshape(places, (-1, 2)) == pytest.approx(mixed, abs=1e-4)
    left, top = page.place(20)
    page.page.mouse.move(left, top)
    at = dataset(example).rows.tolist().index(20)
    assert page.js("embedlens.page.panels[0].hovered") == at
    page.set(epoch=99)
    assert page.state["epoch"] == 4
    page.set(epoch=-1)
    assert page.state["epoch"] == 0


def test_dots_are_drawn_where_they_are(page, example):
    page.set(epoch=2.5, selected=[20])
    assert page.js("embedlens.page.panels.map(panel => panel.dots.kind)") == ["webgl", "webgl"]
    left, top = page.place(20)
    shot = page.page.screenshot(clip={"x": left - 2, "y": top - 2, "width": 5, "height": 5})
    pixel = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))[2, 2]
    color = [int(example.data.runs[0].color[at : at + 2], 16) for at in (1, 3, 5)]
    assert np.abs(pixel.astype(int) - color).max() < 40


def test_the_address_keeps_a_finding(page, example):
    page.set(epoch=1, split="train", selected=[2, 3, 4, 9], pinned=9, view=[0.2, 0.9, 0.1, 0.8])
    page.page.wait_for_timeout(100)
    address = page.js("location.hash")
    before = page.state
    assert "rows=2-4.9" in address
    page.page.reload()
    page.js("embedlens.ready.then(() => 1)")
    assert page.state == before
    page.set(selected=[5])
    page.set(selected=[6], pinned=None)
    page.page.go_back()
    page.settle()
    assert page.selected == [5]
    assert page.state["pinned"] == 9
    page.page.go_back()
    page.settle()
    assert page.selected == [2, 3, 4, 9]
    page.page.go_forward()
    page.settle()
    assert page.selected == [5]


@pytest.mark.parametrize(
    "address",
    [
        "#epoch=x&split=none&rows=a.1-&pinned=z&view=1_0_1",
        "#rows=7.99.1-9999999&pinned=7&group=5",
        "#%ff",
        "#",
    ],
)
def test_addresses_that_say_nothing(page, address):
    page.js("address => { location.hash = address; }", address)
    page.settle()
    state = page.state
    assert (state["split"], state["pinned"], state["view"], state["group"]) == ("test", None, None, 0)
    assert 7 not in state["selected"]


def test_another_split(page, example):
    page.set(selected=[1], pinned=2)
    page.choose("Split", "train")
    page.settle()
    assert page.state["split"] == "train"
    assert page.selected == []
    assert page.state["pinned"] is None
    summary = series(example, 0, "train").summaries[2]
    assert f"{100 * summary['recall_at_1']:.1f} %" in page.page.locator(".numbers").first.inner_text()


def test_playing_glides_to_the_last_epoch(page):
    page.choose("Speed", "4 epochs a second")
    page.set(epoch=1)
    page.button("Play").click()
    seen = [
        page.js("new Promise(done => requestAnimationFrame(() => done(embedlens.state.epoch)))")
        for _ in range(5)
    ]
    assert any(epoch % 1 for epoch in seen)
    page.js(
        "new Promise(done => { const wait = () =>"
        " embedlens.state.playing ? setTimeout(wait, 20) : done(1); wait(); })"
    )
    assert page.state["epoch"] == 4
    assert page.button("Play").count() == 1


def test_curves_and_runs_follow(page, example):
    assert page.js("[...embedlens.page.curves.metric.options].map(option => option.value)") == ["loss"]
    for number, epoch in enumerate((0, 4)):
        page.set(epoch=epoch)
        lines = table(page, ".runs")
        for run, line in enumerate(lines):
            summary = series(example, run).summaries[2 * number]
            assert line[:3] == [RUNS[run], str(epoch), "60"]
            assert line[7] == f"{summary['mean_ideal_distance']:.4f}"
            assert f"loss {RUNS[run]}" in line[8]


FOCUSED = """(() => {
  const one = document.activeElement;
  const name = one.getAttribute("aria-label") || one.innerText?.trim() || one.type;
  return [name, one === document.body ? "solid" : getComputedStyle(one).outlineStyle];
})()"""


def test_keyboard_alone_does_all_of_it(page, example):
    """Tab reaches every control, and each does by keys what the pointer does."""
    page.js("document.body.focus()")
    reached = set()
    for _ in range(90):
        page.press("Tab")
        name, outline = page.js(FOCUSED)
        reached.add(name)
        assert outline == "solid"
    wanted = {"Play", "Select region", "Select matches", "that moved most", "Select rectangle", "Pin",
              "Unpin", "Zoom to selection", "Whole diagram", "Clear selection", "Save selection as CSV",
              "Select"}  # fmt: skip
    assert wanted <= reached, wanted - reached
    page.page.locator(".overlay").first.focus()
    page.press("ArrowRight", "ArrowRight", "ArrowLeft")
    farthest = dataset(example).rows[np.argmax(distances(example, 0, 4))]
    assert page.page.locator(".floating .card").inner_text
    page.press("Enter")
    assert page.state["pinned"] == farthest
    page.press("Escape")
    slider = page.page.locator("#epoch")
    slider.focus()
    page.press("ArrowLeft")
    assert page.state["epoch"] == 1
    page.press("ArrowLeft", "ArrowLeft")
    assert page.state["epoch"] == 0
    page.press("ArrowRight")
    assert page.state["epoch"] == 1
    page.page.get_by_label("Search", exact=True).focus()
    page.page.keyboard.type("bees")
    page.press("Enter")
    assert page.selected
    for corner, value in {"x from": "0.3", "x to": "0.9", "y from": "0.1", "y to": "0.8"}.items():
        page.page.get_by_label(corner, exact=True).fill(value)
    page.button("Select rectangle").focus()
    page.press("Enter")
    one = series(example, 0)
    x, y = one.s_ap[1], one.s_an[1]
    assert page.selected == dataset(example).rows[(x > 0.3) & (x < 0.9) & (y > 0.1) & (y < 0.8)].tolist()
    page.js("document.activeElement.blur()")
    page.press("ArrowRight")
    assert page.state["epoch"] == 4
    page.press(" ")
    assert page.state["playing"]
    page.press(" ")
    assert not page.state["playing"]
