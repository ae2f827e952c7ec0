from matplotlib import font_manager

from embedlens.figures import style


def test_fonts_that_the_list_lacks_are_added(monkeypatch):
    fonts = font_manager.fontManager
    monkeypatch.setattr(fonts, "ttflist", [font for font in fonts.ttflist if "STIX" not in font.name])
    fonts._findfont_cached.cache_clear()
    assert "STIXGeneral" not in fonts.get_font_names()
    with style.paper():
        assert font_manager.findfont("STIXGeneral").endswith("STIXGeneral.ttf")
    count = len(fonts.ttflist)
    with style.paper():
        assert len(fonts.ttflist) == count
