"""Markdown that came with a model, as HTML of a page: no HTML of its own, no pictures, no styles."""

from functools import cache, lru_cache
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

BELOW = 3
"""Headings of a text come below those of a page, whose deepest is so deep."""
DEEPEST = 6


@lru_cache(maxsize=32)
def markdown(text: str) -> Markup:
    """Return a text as HTML; what is no Markdown is shown as it is written."""
    reader = _reader()
    tokens = reader.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + BELOW, DEEPEST)}"
        elif token.attrs.pop("style", None) == "text-align:right":  # pages allow no styles in attributes
            token.attrs["class"] = "number"
    return Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704 - what it writes is escaped


@cache
def _reader() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # noqa: PLC0415 - a tenth of a second, with the first card

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
