"""Reads, prices and has paid for what is executed, before it is executed."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from strawberry.extensions import SchemaExtension

from schema.context import Context
from schema.documents import Documents
from schema.services.metering import REFUSED


class Reading(SchemaExtension):
    """Has `Documents` read what is executed, and the one who asks pay for it.

    Parameters
    ----------
    others, own
        What reads clients' documents, and what reads our pages': however many clients send, ours stay
        remembered.
    """

    def __init__(self, others: Documents, own: Documents) -> None:
        super().__init__()
        self._others, self._own = others, own
        self._priced = False

    async def on_operation(self) -> AsyncIterator[None]:
        """Have documents that are refused before they have a price paid for as well."""
        try:
            yield
        finally:
            if not self._priced:
                await self._context.pay(REFUSED)

    def on_parse(self) -> Iterator[None]:
        """Parse."""
        context = self.execution_context
        context.graphql_document = self._documents.parsed(context.query or "")
        yield

    async def on_validate(self) -> AsyncIterator[None]:
        """Price, have it paid for, validate."""
        context = self.execution_context
        named = context._provided_operation_name  # noqa: SLF001 - its public name falls back on the first one
        points = self._documents.price(context.query or "", named, context.variables)
        self._priced = True
        await self._context.pay(points)
        context.pre_execution_errors = self._documents.faults(context.query or "", told=self._context.told)
        yield

    def get_results(self) -> dict[str, Any]:
        """Return what it cost."""
        meter = self._context.meter
        if meter is None or meter.standing is None:
            return {}
        limit, remaining, _reset = meter.standing
        return {"cost": {"requested": meter.requested, "limit": limit, "remaining": remaining}}

    @property
    def _documents(self) -> Documents:
        return self._own if self._context.meter is None else self._others

    @property
    def _context(self) -> Context:
        context: Context = self.execution_context.context
        return context
