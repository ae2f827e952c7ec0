from __future__ import annotations

import pytest

from embedlens.errors import listed, shortened


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], "(none)"),
        (["a", 2], "a, 2"),
        (range(10), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        (range(1_213), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 1,203 more"),
    ],
)
def test_a_list_in_a_message_has_ten_names_at_most(names, text):
    assert listed(names) == text


def test_a_name_in_a_message_has_sixty_letters_at_most_and_no_line_break():
    assert shortened("a" * 60) == "a" * 60
    assert shortened("a" * 5_000) == "a" * 57 + "..."
    assert shortened("a\nb") == "a b"
