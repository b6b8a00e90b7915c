"""Signed, short-lived addresses of stored files, and the bytes behind them.

GraphQL hands out the address to those who may see the file; whoever holds it may read the file until it
expires.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import BinaryIO
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from schema.services.blobs import BlobMissingError
from server.signing import Signer
from server.site import site_of

CHUNK = 1 << 18
ROUND = timedelta(hours=1)
PURPOSE = "blob link"
SHOWN = {
    "image/png",
    "image/jpeg",
    "image/webp",
    "application/pdf",
    "text/plain",
    "text/csv",
    "application/json",
}
"""Media types a browser may show in place; anything else is a download. SVG may carry scripts: not here."""


class BlobLinks:
    """Makes and checks signed addresses.

    A link made at any moment of an hour expires at the end of the next one: within the hour a page's
    pictures keep their address, and a browser its copies, for one to two hours.
    """

    def __init__(self, signer: Signer, clock: Callable[[], datetime]) -> None:
        self._signer = signer
        self._clock = clock

    def address(self, key: str, media_type: str) -> str:
        """Return the address of a blob, to be served with that media type."""
        until = (int(self._clock().timestamp()) // int(ROUND.total_seconds()) + 2) * int(
            ROUND.total_seconds()
        )
        signature = self._signer.sign(PURPOSE, _signed_text(key, media_type, str(until)))
        query = urlencode({"type": media_type, "until": until, "signature": signature})
        return f"/blobs/{quote(key)}?{query}"

    def remaining(self, key: str, media_type: str, until: str, signature: str) -> int:
        """Return for how many seconds more a link is good.

        Raises
        ------
        HTTPException
            403 when it is not ours, 410 when it has expired.
        """
        if not self._signer.verify(PURPOSE, _signed_text(key, media_type, until), signature):
            raise HTTPException(403)
        left = int(until) - int(self._clock().timestamp())
        if left <= 0:
            raise HTTPException(410)
        return left


async def send_blob(request: Request) -> Response:
    """Stream one stored file."""
    site = site_of(request)
    key, asked = request.path_params["key"], request.query_params
    media_type = asked.get("type", "")
    links = BlobLinks(site.signer, site.services.clock)
    left = links.remaining(key, media_type, asked.get("until", ""), asked.get("signature", ""))
    try:
        stream = await run_in_threadpool(site.services.blobs.open, key)
    except BlobMissingError:
        raise HTTPException(404) from None
    headers = {
        "Cache-Control": f"private, max-age={left}, immutable",
        "Content-Disposition": "inline" if media_type in SHOWN else "attachment",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return StreamingResponse(chunks_of(stream), media_type=media_type, headers=headers)


async def chunks_of(stream: BinaryIO) -> AsyncIterator[bytes]:
    """Yield a stored file piece by piece, and close it."""
    with stream:
        while chunk := await run_in_threadpool(stream.read, CHUNK):
            yield chunk


routes = [Route("/blobs/{key:path}", send_blob, name="blob")]


def _signed_text(key: str, media_type: str, until: str) -> str:
    return f"{key}\n{media_type}\n{until}"
