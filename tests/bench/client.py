"""A small HTTP/1.1 client over kept connections: so lean that it is never what is measured."""

import asyncio
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

import orjson

HOST = "127.0.0.1"
LONGEST_HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: its status, its header lines in lower case, its body."""

    status: int
    head: bytes
    body: bytes

    def headers(self, name: str) -> list[str]:
        """Return the values of a header."""
        start = f"{name}: ".encode()
        lines = self.head.split(b"\r\n")
        return [line[len(start) :].decode() for line in lines if line.lower().startswith(start)]


class Connection:
    """One connection that sends a request after the other's answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> Self:
        """Connect to a server on this machine."""
        return cls(*await asyncio.open_connection(HOST, port, limit=LONGEST_HEAD))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()

    async def send(self, request: bytes) -> Answer:
        """Return the answer to a request; raises IncompleteReadError when the server hangs up."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(_value(head, b"content-length"))
        body = await self._reader.readexactly(length) if length else b""
        return Answer(int(head[9:12]), head, body)


def get(path: str, **headers: str) -> bytes:
    """Return the bytes of a GET request; `_` in a header's name stands for `-`."""
    return _request("GET", path, headers)


def post_form(path: str, fields: dict[str, str], **headers: str) -> bytes:
    """Return the bytes of a form's POST from a page of the same site."""
    kind = "application/x-www-form-urlencoded"
    return _request(
        "POST", path, {"content_type": kind, "sec_fetch_site": "same-origin"} | headers, urlencode(fields)
    )


def post_graphql(query: str, variables: dict[str, object] | None = None, token: str = "") -> bytes:
    """Return the bytes of a GraphQL request, with an API token if one is given."""
    bearer = {"authorization": f"Bearer {token}"} if token else {}
    body = orjson.dumps({"query": query, "variables": variables or {}}).decode()
    return _request("POST", "/graphql", {"content_type": "application/json"} | bearer, body)


def _request(method: str, path: str, headers: dict[str, str], body: str = "") -> bytes:
    content = body.encode()
    lines = [f"{method} {path} HTTP/1.1", f"host: {HOST}", f"content-length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def _value(head: bytes, name: bytes) -> bytes:
    """Return a header's value; `0` when it is absent."""
    _, found, rest = head.lower().partition(b"\r\n" + name + b": ")
    return rest.partition(b"\r\n")[0] if found else b"0"
