import sys

import pytest

from embedlens.errors import InputError
from embedlens.optional import needed


def test_a_library_that_is_there():
    assert needed("json.decoder", "files", "reading").__name__ == "json.decoder"


def test_a_library_that_is_missing_names_its_extra():
    with pytest.raises(
        InputError,
        match=r"^reading \.xyz files needs missing_library; install it by: pip install 'embedlens\[files\]' ",
    ):
        needed("missing_library.part", "files", "reading .xyz files")


def test_what_a_library_lacks_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "half_installed_library.py").write_text("import another_missing_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="another_missing_library"):
        needed("half_installed_library", "files", "reading")
    sys.modules.pop("half_installed_library", None)
