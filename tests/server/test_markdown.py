"""Model cards on a page: Markdown becomes structure, and nothing that a page must not have."""

from server.markdown import markdown


def test_headings_come_below_those_of_a_page() -> None:
    assert markdown("# Beats\n\n## How well\n\n#### Deep") == (
        "<h4>Beats</h4>\n<h5>How well</h5>\n<h6>Deep</h6>\n"
    )


def test_tables_lists_and_emphasis_are_shown_as_such_without_styles() -> None:
    shown = markdown("| class | n |\n|---|--:|\n| PVC | 7 |\n\n- **one**\n")
    assert "<table>" in shown
    assert '<td class="number">7</td>' in shown
    assert "<li><strong>one</strong></li>" in shown
    assert "style" not in shown


def test_html_scripts_and_pictures_of_a_card_are_only_text() -> None:
    hostile = (
        "<script>alert(1)</script>\n\nWords <b onclick=x>bold</b>\n\n[go](javascript:alert(1))\n\n"
        "[more](data:text/html,x)\n\n![seen](https://elsewhere.example/pixel.png)\n\n```\n<i>\n```\n"
    )
    shown = markdown(hostile)
    for forbidden in ("<script", "<b ", "<img", 'href="javascript', 'href="data', "<i>"):
        assert forbidden not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_text_that_is_no_markdown_stays() -> None:
    assert markdown("Toy 5 < 6") == "<p>Toy 5 &lt; 6</p>\n"
