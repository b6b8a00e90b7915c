"""The least HTTP a GraphQL library without a server of its own needs; for the measured environment only."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import orjson

Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


def answering(answer: Callable[[dict[str, Any]], Awaitable[Any]]) -> Application:
    """Return an application that answers each JSON body by what the function returns for it."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        asked, more = b"", scope["method"] == "POST"
        while more:
            message = await receive()
            asked += message["body"]
            more = message["more_body"]
        body = orjson.dumps(await answer(orjson.loads(asked)) if asked else {})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application
