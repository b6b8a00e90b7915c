"""The picture of a held page, for whoever sent it: with a cookie, or with a token; kept by no browser."""

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from schema.errors import NotFoundError
from schema.policy import Scope
from schema.scalars import local_key
from server.blobs import chunks_of
from server.context import visitor_of
from server.errors import SignInRequired
from server.site import site_of


async def send_picture(request: Request) -> Response:
    """Stream one picture as it was sent; a foreign one answers like a missing one."""
    actor = visitor_of(request).actor
    if actor is None:
        raise SignInRequired
    if not actor.may(Scope.CASES_WRITE):
        raise HTTPException(403)
    held_pages = site_of(request).services.held_pages
    try:
        key = local_key(request.path_params["id"], "HeldPage")
        stream, media_type = await run_in_threadpool(held_pages.picture, actor, key)
    except NotFoundError:
        raise HTTPException(404) from None
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return StreamingResponse(chunks_of(stream), media_type=media_type, headers=headers)


routes = [Route("/held/{id}/picture", send_picture, name="held_picture")]
