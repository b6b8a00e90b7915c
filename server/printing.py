"""HTML from standard input, PDF to standard output: `python -m server.printing`, a process of its own.

WeasyPrint and what it loads take 80 MB, once a month. It needs pango, as tesseract does. Nothing is fetched
but our own fonts.
"""

import logging
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

FONTS = Path(__file__).resolve().parent.parent / "static" / "vendor"


def main() -> int:
    """Print; 3 where a library of the system is missing."""
    try:
        from weasyprint import HTML  # noqa: PLC0415 - fails without pango
        from weasyprint.urls import URLFetcher, URLFetcherResponse  # noqa: PLC0415 - the same
    except OSError as error:
        sys.stderr.write(str(error).partition("\n")[0])
        return 3

    class OwnFonts(URLFetcher):
        def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
            """Return a font of ours; WeasyPrint goes on without anything else."""
            if Path(unquote(urlsplit(url).path)).resolve().parent != FONTS:
                raise ValueError("only our own fonts are loaded")
            return super().fetch(url, headers)

    logging.getLogger("fontTools").setLevel(logging.ERROR)
    page = HTML(
        string=sys.stdin.buffer.read().decode(),
        base_url=f"{FONTS.as_uri()}/",
        url_fetcher=OwnFonts(allowed_protocols={"file"}),
    )
    sys.stdout.buffer.write(page.write_pdf(pdf_variant="pdf/ua-1"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
