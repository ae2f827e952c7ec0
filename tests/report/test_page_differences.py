"""What the page says was won and lost between two runs or epochs, against plain loops."""

from __future__ import annotations

from collections import Counter

import pytest
from report_support import RUNS, dataset, places_of, series, table
from support import write_run

from embedlens.report import Extent, build_page, gather


def right_of(example, run, epoch):
    """Whether each row is nearer to its own class, by row; those without a triplet are left out."""
    one = series(example, run)
    number = one.epochs.index(epoch)
    rows = dataset(example).rows.tolist()
    return {row: one.s_ap[number, at] > one.s_an[number, at] for at, row in enumerate(rows)
            if one.negative[number, at] >= 0 and one.s_ap[number, at] == one.s_ap[number, at]}  # fmt: skip


def confusions_of(example, run, epoch):
    labels = example.runs[0].labels("test")
    one = series(example, run)
    number = one.epochs.index(epoch)
    rows = dataset(example).rows.tolist()
    wrong = [row for row, is_right in right_of(example, run, epoch).items() if not is_right]
    return Counter((labels[row], labels[one.negative[number, rows.index(row)]]) for row in wrong)


@pytest.mark.parametrize(
    ("one", "two"), [((0, 4), (1, 4)), ((1, 0), (1, 4)), ((0, 1), (1, 0)), ((0, 0), (0, 0))]
)
def test_items_classes_and_confusions_are_those_of_plain_loops(page, example, one, two):
    first, second = (right_of(example, *place) for place in (one, two))
    found = page.js(
        "([one, two]) => embedlens.difference('test', one, two)",
        [{"run": RUNS[run], "epoch": epoch} for run, epoch in (one, two)],
    )
    shared = sorted(first.keys() & second.keys())
    assert found["n"] == len(shared)
    assert found["right"] == [sum(side[row] for row in shared) for side in (first, second)]
    assert found["won"] == [row for row in shared if second[row] and not first[row]]
    assert found["lost"] == [row for row in shared if first[row] and not second[row]]
    labels, names = example.runs[0].labels("test"), example.runs[0].class_names
    for kind in ("won", "lost"):
        by_class = Counter(int(labels[row]) for row in found[kind])
        listed = {line["name"]: len(line[kind]) for line in found["classes"] if line[kind]}
        assert listed == {names[label]: count for label, count in by_class.items()}
    counts = [confusions_of(example, *place) for place in (one, two)]
    wanted = {
        (names[int(a)], names[int(b)]): [count[a, b] for count in counts]
        for a, b in set(counts[0]) | set(counts[1])
        if counts[0][a, b] != counts[1][a, b]
    }
    listed = {
        (line["name"], line["other"]): [len(rows) for rows in line["rows"]] for line in found["confusions"]
    }
    assert listed == wanted


def test_numbers_select_their_items(page):
    page.page.get_by_text("Won and lost at R@1").click()
    page.settle()
    assert "of 60 items" in page.page.locator("details:has(.panels)").inner_text()
    found = page.js("embedlens.difference('test', { run: 0, epoch: 4 }, { run: 1, epoch: 4 })")
    box = page.page.locator("details:has(.panels)")
    for kind in ("won", "lost"):
        box.get_by_role("button", name=f"{len(found[kind])} {kind}", exact=True).click()
        assert page.selected == found[kind]
    page.choose("First run", "second")
    page.choose("First epoch", "0")
    found = page.js("embedlens.difference('test', { run: 1, epoch: 0 }, { run: 1, epoch: 4 })")
    lines = table(page, "details:has(.panels) [aria-label='Classes that changed']")
    changes = {line["name"]: len(line["won"]) - len(line["lost"]) for line in found["classes"]}
    assert [line[0] for line in lines] == sorted(changes, key=lambda name: (changes[name], name))
    name = lines[-1][0]
    rows = next(line["won"] for line in found["classes"] if line["name"] == name)
    box.get_by_role("button", name=f"{len(rows)} won: {name}", exact=True).click()
    assert page.selected == rows
    pair = found["confusions"][0]
    side = 0 if pair["rows"][0] else 1
    where = f"in the {['first', 'second'][side]}"
    label = f"{len(pair['rows'][side])} {where}: {pair['name']}, {pair['other']}"
    box.get_by_role("button", name=label, exact=True).click()
    assert page.selected == pair["rows"][side]
    page.set(epoch=0)
    assert "0 won 0 lost" in " ".join(box.inner_text().split())
    page.page.get_by_text("Won and lost at R@1").click()


def test_one_run_compares_its_epochs_and_one_epoch_nothing(opened, tmp_path):
    for epochs in (1, 2):
        run = write_run(tmp_path / f"run{epochs}", epochs=epochs)
        page = opened(build_page(gather(places_of(run), Extent(figures=False))))
        summary = page.page.get_by_text("Won and lost at R@1")
        assert summary.is_visible() == (epochs == 2)
        assert page.faults == []
    summary.click()
    page.settle()
    assert page.page.get_by_label("First run").is_hidden()
    assert page.page.get_by_label("First epoch").input_value() == "0"
    assert page.page.get_by_label("Second epoch").input_value() == "shown"
