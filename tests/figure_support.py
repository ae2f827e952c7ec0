"""Finding what a figure shows: artists by their gid, titles, entries of a legend."""

from __future__ import annotations


def artists(parent, gid):
    """Children of axes, or of a legend or figure, with that gid, in the order in which they were added."""
    return [child for child in parent.get_children() if child.get_gid() == gid]


def artist(parent, gid):
    """The only child with that gid."""
    (found,) = artists(parent, gid)
    return found


def artists_of_kind(axes, kind):
    """Children of axes whose gid begins with a word: "positive" finds "positive run 1", too."""
    return [child for child in axes.get_children() if str(child.get_gid()).startswith(kind)]


def title_of(axes):
    """The title, wherever the style puts it."""
    return axes.get_title(loc="left") or axes.get_title()


def legend_texts(legend):
    """The entries of a legend, from top to bottom."""
    return [text.get_text() for text in legend.get_texts()]
