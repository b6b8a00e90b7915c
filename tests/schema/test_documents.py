"""What is remembered of documents, and how much of it at most."""

import asyncio
from dataclasses import replace

from schema.build import build_schema
from schema.documents import OWN_REMEMBERED, REMEMBERED, Documents
from schema.services.cache import Bucket
from schema.services.metering import Meter
from server.app import TEMPLATES
from server.operations import Operations
from tests.schema.conftest import World, the_schema


def remembered(documents: Documents) -> list[int]:
    """Return how much each of a reader's caches holds; each must have a bound."""
    caches = [each.cache_info() for each in vars(documents).values() if hasattr(each, "cache_info")]
    assert len(caches) == 3
    assert all(cache.maxsize and cache.maxsize <= 2 * OWN_REMEMBERED for cache in caches)
    return [cache.currsize for cache in caches]


def test_a_client_that_sends_different_documents_fills_no_memory() -> None:
    reader = Documents(the_schema()._schema)  # noqa: SLF001 - Strawberry has no public name for it
    for number in range(3 * REMEMBERED):
        document = f"query Q{number} {{ viewer {{ id }} }}"
        reader.price(document, None, {})
        reader.faults(document)
    assert remembered(reader) == [REMEMBERED, 2 * REMEMBERED, REMEMBERED]
    same = f"query Q({', '.join(f'$v{number}: Int' for number in range(9))}) {{ viewer {{ id }} }}"
    for number in range(3 * REMEMBERED):
        reader.price(same, None, {"v0": number})
    assert remembered(reader) == [REMEMBERED, 2 * REMEMBERED, REMEMBERED]


def test_all_our_pages_operations_are_remembered_whatever_clients_send(world: World) -> None:
    schema = build_schema()  # its own: another test may have filled the shared one's
    assert len(Operations(schema, TEMPLATES)) <= OWN_REMEMBERED
    context = world.context(None)
    paying = replace(context, meter=Meter(context.services.purse, [Bucket("client", 1_000_000, 60)]))
    ours, theirs = schema.own_documents, schema.documents
    before = remembered(ours)
    asyncio.run(schema.execute("query Theirs { viewer { id } }", context_value=paying))
    assert remembered(ours) == before
    held = remembered(theirs)
    asyncio.run(schema.execute("query Ours { viewer { id } }", context_value=context))
    assert (remembered(ours) > before, remembered(theirs)) == (True, held)
