from __future__ import annotations

import numpy as np
import pytest
from support import assert_refused, blobs

from embedlens import InputError, open_run
from embedlens.errors import InputWarning
from embedlens.importing import ImportSource, import_run
from embedlens.importing.label_files import read_labels
from embedlens.importing.readers import Wanted

Z, Y = blobs()


def texts(path, content, key=None):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_labels(Wanted(path, key, labels=True)).values.tolist()


@pytest.mark.parametrize(
    ("name", "content", "values"),
    [
        ("y.txt", "\ufeff3\n1\n2\n", ["3", "1", "2"]),
        ("y.csv", "\ufefflabel\n3\n1\n", ["3", "1"]),
        ("y.txt", "owl\nant\n".encode("utf-16"), ["owl", "ant"]),
        ("y.csv", "path;label\na.jpg;owl\nb.jpg;ant\n", ["owl", "ant"]),
        ("y.csv", "path\tlabel\r\na.jpg\towl\r\nb.jpg\tant\r\n", ["owl", "ant"]),
        ("y.csv", "path label\na.jpg 3\nb.jpg 4\n", ["3", "4"]),
        ("y.csv", "Path,Label\na.jpg,3\n", ["3"]),
        ("y.csv", 'path,label\n"a,b.jpg","owl, big"\nc.jpg,ant\n', ["owl, big", "ant"]),
        ("y.csv", "species\nowl\nant\nowl\n", ["owl", "ant", "owl"]),
        ("y.csv", "3\n1\n1\n", ["3", "1", "1"]),
        ("y.txt", "label\nowl\nant\n", ["owl", "ant"]),
        ("y.txt", "Black Footed Albatross\nOwl\n", ["Black Footed Albatross", "Owl"]),
        ("y.txt", "Toyota Camry 2012\nFord Fiesta 2013\n", ["Toyota Camry 2012", "Ford Fiesta 2013"]),
        ("y.txt", "owl, big\nant\nbee\n", ["owl, big", "ant", "bee"]),
    ],
)
def test_one_reader_of_text(tmp_path, name, content, values):
    assert texts(tmp_path / name, content) == values


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("y.txt", "img1.jpg 3\nimg2.jpg 4\nimg3.jpg 4\n"),
        ("y.txt", "img 1.jpg 3\nimg 2.jpg 4\nimg 3.jpg 4\n"),
        ("y.tsv", "img1\t3\nimg2\t4\nimg3\t4\n"),
        ("y.txt", "img1.jpg;3\nimg2.jpg;4\nimg3.jpg;4\n"),
        ("y.txt", "1 3\n2 4\n3 4\n"),
    ],
)
def test_lists_without_a_header_line_say_which_column_is_read(tmp_path, name, content):
    with pytest.warns(InputWarning, match=r"no header line; labels are read from column 2 \('3' in line 1\)"):
        assert texts(tmp_path / name, content) == ["3", "4", "4"]


def test_a_column_by_its_number(tmp_path):
    with pytest.warns(InputWarning, match="column 3"):
        assert texts(tmp_path / "y.txt", "a.jpg,1,7\nb.jpg,2,8\n", "3") == ["7", "8"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("y.txt", b"owl\now\xe9l\n", r"not UTF-8 text.*line 2"),
        ("y.txt", "owl\n".encode("utf-16-le"), "line 1: a NUL character"),
        ("y.txt", "a.jpg,3\nb.jpg,4\nc.jpg\n", "y.txt:3: got 1 fields, expected 2"),
        ("y.csv", 'label\n"owl\nant\n', "y.csv:3: not readable as a table"),
        ("y.txt", "1 3\n1 3\n3 5\n", "2 columns and no header line; say which one .* by --labels-key 1 to 2"),
        ("y.csv", "a,b\n1,2\n", "choose one by its key: a, b .--labels-key NAME"),
        ("y.txt", "", "has no rows"),
        ("y.csv", "label\n", "no rows below"),
        ("y.txt", "a" * 2_000, "y.txt:1: a label of 2,000 letters"),
    ],
)
def test_text_that_cannot_be_labels(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message) as caught:
        texts(tmp_path / name, content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("empty", ["", "nan", "NA", "null"])
def test_missing_labels_are_refused_by_line_dropped_or_kept(folder, empty):
    names = ["owl", "ant", empty, "owl", "ant"]
    (folder / "y.csv").write_text("n,label\n" + "".join(f"{n},{name}\n" for n, name in enumerate(names)))
    for epoch in range(2):
        np.save(f"z{epoch}.npy", (epoch + 1) * Z[:5])
    source = ImportSource("z{epoch}.npy", "y.csv")
    with pytest.raises(InputError, match=r"y.csv:4: the label is .*--missing-label drop"):
        import_run(source, folder / "run")
    with pytest.warns(InputWarning, match="1 of 5 items have no label and are left out"):
        run = import_run(ImportSource("z{epoch}.npy", "y.csv", missing_label="drop"), folder / "dropped")
    assert run.labels("test").tolist() == [1, 0, 1, 0]
    np.testing.assert_array_equal(run.snapshot("test", 1).embeddings, 2 * Z[[0, 1, 3, 4]])
    with pytest.warns(InputWarning), pytest.raises(InputError, match="leave out --link"):
        import_run(ImportSource("z{epoch}.npy", "y.csv", missing_label="drop"), folder / "linked", link=True)
    if empty:
        run = import_run(ImportSource("z{epoch}.npy", "y.csv", missing_label="keep"), folder / "kept")
        assert empty in run.info.class_names.values()


def test_a_list_in_any_form_scores_as_the_plain_array(cli, folder):
    np.save("z.npy", Z)
    np.save("y.npy", Y)
    (folder / "bom.txt").write_text("\ufeff" + "\n".join(map(str, Y)))
    (folder / "list.txt").write_text("".join(f"img {n}.jpg {y}\n" for n, y in enumerate(Y)))
    (folder / "semi.csv").write_text("path;label\n" + "".join(f"{n}.jpg;{y}\n" for n, y in enumerate(Y)))
    (folder / "float.csv").write_text("label\n" + "".join(f"{y}.0\n" for y in Y))
    answers = []
    for name in ("y.npy", "bom.txt", "list.txt", "semi.csv", "float.csv"):
        assert cli("import", "z.npy", "--labels", name, "--out", f"run-{name}").code == 0
        np.testing.assert_array_equal(open_run(f"run-{name}").labels("test"), Y)
        result = cli("evaluate", f"run-{name}", "--metrics", "recall_at_1", "--json")
        answers.append(result.json["summary"][f"run-{name}"])
    assert all(answer == answers[0] for answer in answers)


def test_digits_in_one_split_and_a_name_in_another(folder):
    for split, content in (("train", "1\n2\n10\n2\n"), ("test", "1\nowl\n10\nowl\n")):
        np.save(f"{split}.npy", Z[:4])
        (folder / f"{split}.txt").write_text(content)
    with pytest.warns(InputWarning, match=r"numbers and names, e.g. '1' and 'owl'.*0 to 3"):
        run = import_run(ImportSource("{split}.npy", "{split}.txt"), folder / "run")
    assert run.labels("train").tolist() == [0, 1, 2, 1]
    assert run.labels("test").tolist() == [0, 3, 2, 3]
    assert run.info.class_names == {"0": "1", "1": "2", "2": "10", "3": "owl"}


def test_refusals_through_the_program(program, folder):
    np.save("z.npy", Z)
    (folder / "y.txt").write_text("\n".join(["owl"] * 30 + ["nan"] * 30))
    refused = program("import", "z.npy", "--labels", "y.txt", "--out", "run")
    assert_refused(refused, "y.txt:31", "--missing-label")
    assert not (folder / "run").exists()
