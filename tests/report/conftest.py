"""A browser, and pages of small runs in it; without Chromium or Playwright these tests are skipped."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_support import places_of
from support import blobs

import embedlens
from embedlens.report import Extent, build_page, gather

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
VIOLATIONS = "addEventListener('securitypolicyviolation', e => console.error('policy', e.violatedDirective))"


@pytest.fixture(scope="session")
def browser():
    """One browser for all tests; WebGL is drawn in software."""
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH (Debian: apt-get install chromium): the page is not tested")
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: the page is not tested")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser, and what it must not do: messages, requests, errors."""

    page: Any
    faults: list = field(default_factory=list)

    def js(self, expression, argument=None):
        """The value of an expression in the page."""
        return self.page.evaluate(expression, argument)

    def set(self, **changes):
        self.js("changes => embedlens.set(changes)", changes)
        self.settle()

    def settle(self):
        """Wait until tables follow the epoch."""
        self.js("new Promise(done => setTimeout(() => requestAnimationFrame(() => done(1)), 100))")

    @property
    def state(self):
        return self.js("embedlens.state")

    @property
    def selected(self):
        return self.state["selected"]

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def button(self, name, exact=True):
        return self.page.get_by_role("button", name=name, exact=exact)

    def choose(self, label, option):
        self.page.get_by_label(label, exact=True).select_option(option)

    def place(self, row, panel=0):
        """Pixels of the dot of a row, in the window."""
        self.page.locator(".overlay").nth(panel).scroll_into_view_if_needed()
        box = self.page.locator(".overlay").nth(panel).bounding_box()
        left, top = self.js(
            "([row, number]) => { const panel = embedlens.page.panels[number];"
            "const at = panel.dataset.place.get(row);"
            "const places = panel.gridAt(embedlens.state.epoch).places;"
            "return panel.toPixels(places[2 * at], places[2 * at + 1]); }",
            [row, panel],
        )
        return box["x"] + left, box["y"] + top


@pytest.fixture(scope="session")
def opened(browser, tmp_path_factory):
    """Open a report: its text, options of the window, and scripts to run before it."""
    made = []

    def call(text, *, script="", ready=True, **window):
        path = tmp_path_factory.mktemp("page") / "report.html"
        path.write_text(text, encoding="utf-8")
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 1000}, **window})
        made.append(context)
        page = context.new_page()
        one = Opened(page)
        page.on("console", lambda message: one.faults.append(message.text))
        page.on("pageerror", lambda error: one.faults.append(str(error)))
        page.on("request", lambda request: one.faults.extend(outside(request.url, path)))
        page.set_default_timeout(4000)
        page.add_init_script(VIOLATIONS + ";" + script)
        page.goto(path.as_uri())
        if ready:
            one.js("embedlens.ready.then(() => 1)")
        return one

    yield call
    for context in made:
        context.close()


def outside(url, path):
    """The address, where it is not the page itself."""
    return [] if url.startswith(("data:", "blob:", path.as_uri())) else [url]


@dataclass(frozen=True)
class Example:
    """Two runs of the same items, the report of them, and its page."""

    runs: list
    data: Any
    text: str
    opened: Opened


def record_pair(folder):
    """Two runs of 61 items in two splits, with class names, columns and thumbnails; row 7 is alone."""
    random = np.random.default_rng(5)
    labels = {split: np.arange(61) % 6 for split in ("train", "test")}
    for y in labels.values():
        y[7] = 6
    start = {split: blobs(61, spread=1.2, seed=number)[0] for number, split in enumerate(labels)}
    pictures = {split: random.integers(256, size=(61, 8, 6), dtype=np.uint8) for split in labels}
    paths = {split: {"path": [f"images/{row:03d}.png" for row in range(61)]} for split in labels}
    animals = ["ants", "bees", "cats", "dogs", "elks", "foxes", "gnus"]
    names = {label: f"class of {animal}" for label, animal in enumerate(animals)}
    runs = []
    for seed, name in enumerate(("first", "second")):
        noise = np.random.default_rng(seed)
        with embedlens.Recorder(
            folder / name, labels=labels, class_names=names, items=paths, thumbnails=pictures,
            method={"loss": name, "seed": seed},
        ) as recorder:  # fmt: skip
            for epoch in (0, 1, 4):
                moved = {
                    split: z + 0.3 * noise.normal(size=z.shape) + 0.4 * epoch * np.eye(7, 8)[labels[split]]
                    for split, z in start.items()
                }
                arrays = {split: z.astype(np.float32) for split, z in moved.items()}
                recorder.record(epoch, arrays, metrics={"loss": 1 / (epoch + 1 + seed)})
        runs.append(recorder.run)
    return runs


@pytest.fixture(scope="session")
def example(opened, tmp_path_factory):
    folder = Path(os.path.realpath(tmp_path_factory.mktemp("runs")))
    runs = record_pair(folder)
    data = gather(places_of(*runs), Extent(figures=False))
    text = build_page(data)
    return Example(runs, data, text, opened(text))


@pytest.fixture
def page(example):
    """The page of the example, as when it was opened; it must be silent and reach nothing."""
    one = example.opened
    one.faults.clear()
    one.js("history.replaceState(null, '', location.pathname)")
    one.set(epoch=4, split="test", selected=[], pinned=None, group=0, view=None)
    one.choose("Drag in a panel", "point")
    one.choose("A new selection is to", "replace")
    one.page.mouse.move(0, 0)
    one.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    yield one
    assert one.faults == []
