"""The library's figures as the API shows them."""

import strawberry

from schema.context import Context
from schema.services.matching import MatcherStatistics as MatcherFigures
from schema.services.statistics import LibraryStatistics, library_statistics


@strawberry.type(description="How often a text had been read before, over all workers.")
class MatcherStatistics:
    """The matcher's cache."""

    hits: int = strawberry.field(description="Texts that had been read before.")
    misses: int = strawberry.field(description="Texts that had to be read.")
    hit_rate: float = strawberry.field(
        description="Hits among both, 0-100 per cent; 0 before the first text."
    )
    entries: int = strawberry.field(description="Readings kept now.")


@strawberry.type(description="The library's figures; what is archived does not count.")
class Statistics:
    """How much there is."""

    case_count: int = strawberry.field(description="Drafts and validated cases.")
    validated_case_count: int = strawberry.field(description="Cases ready for sessions.")
    session_count: int = strawberry.field(description="Training sessions, open and closed.")
    open_session_count: int = strawberry.field(description="Training sessions that can be begun now.")
    attempt_count: int = strawberry.field(description="Attempts begun.")
    submitted_attempt_count: int = strawberry.field(description="Attempts handed in.")
    matcher: MatcherStatistics = strawberry.field(description="The matcher's cache.")

    @classmethod
    def of(cls, library: LibraryStatistics, matcher: MatcherFigures) -> "Statistics":
        """Return both sets of figures."""
        return cls(
            case_count=library.case_count,
            validated_case_count=library.validated_case_count,
            session_count=library.session_count,
            open_session_count=library.open_session_count,
            attempt_count=library.attempt_count,
            submitted_attempt_count=library.submitted_attempt_count,
            matcher=MatcherStatistics(
                hits=matcher.hits,
                misses=matcher.misses,
                hit_rate=matcher.hit_rate,
                entries=matcher.entries,
            ),
        )


async def current_statistics(context: Context) -> Statistics:
    """Return the figures as they stand."""
    services = context.services
    return await context.read(
        lambda session: Statistics.of(
            library_statistics(session, services.clock), services.matcher.statistics()
        )
    )
