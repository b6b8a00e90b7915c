"""Figures as a table to calculate with: CSV for scripts, or as French spreadsheets read it."""

import csv
import io
from collections.abc import Iterable, Sequence

from starlette.requests import Request
from starlette.responses import Response

BYTE_ORDER_MARK = "\ufeff"


def table(request: Request, name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Send a table as `name`.csv.

    Where the address says `decimal=comma`, numbers are written with commas, semicolons stand between cells
    and a byte order mark before everything: a spreadsheet set to French takes nothing else for numbers.
    """
    french = request.query_params.get("decimal") == "comma"
    written = io.StringIO()
    into = csv.writer(written, delimiter=";" if french else ",")
    into.writerow(head)
    into.writerows([_comma(cell) if french else cell for cell in row] for row in rows)
    return attachment((BYTE_ORDER_MARK if french else "") + written.getvalue(), "text/csv", f"{name}.csv")


def attachment(content: str | bytes, media_type: str, name: str) -> Response:
    """Send a file to be saved."""
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


def _comma(cell: object) -> object:
    return str(cell).replace(".", ",") if isinstance(cell, float) else cell
