"""Ariadne, serving the same bytes from objects in memory.

Its documents are parsed and validated once and its JSON is written by orjson, as in `bare`.
"""

import asyncio
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from ariadne import ObjectType, graphql, make_executable_schema
from graphql import DocumentNode, parse, validate

from server.stack import give_room
from tests.bench.baselines.small_asgi import Application, answering

TYPES = Path(__file__).parents[1] / "peers" / "schema.graphql"


def application() -> Application:
    """Build the application; `BENCH_ANSWER` names a file with the product's answer."""
    give_room(asyncio.get_event_loop())
    page = orjson.loads(Path(os.environ["BENCH_ANSWER"]).read_bytes())["data"]["cases"]
    query = ObjectType("Query")
    query.set_field("cases", lambda *_, first: page if first else None)
    schema = make_executable_schema(TYPES.read_text(encoding="utf-8"), query)
    parsed = lru_cache(512)(parse)

    @lru_cache(512)
    def faults(text: str) -> list[Any]:
        return validate(schema, parsed(text))

    def parser(_context: Any, data: dict[str, str]) -> DocumentNode:
        return parsed(data["query"])

    validator: Any = lambda _schema, document, *_, **__: faults(document.loc.source.body)  # noqa: E731

    async def answer(asked: dict[str, Any]) -> Any:
        _done, result = await graphql(
            schema, asked, query_parser=parser, query_validator=validator, validation_rules=()
        )
        return result

    return answering(answer)
