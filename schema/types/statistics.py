"""The library's figures as the API shows them."""

import strawberry

from ml.language.types import Fallback
from schema.context import Context, Services
from schema.services.matching import MatcherStatistics as MatcherFigures
from schema.services.statistics import LibraryStatistics, library_statistics


@strawberry.type(description="How often a language model had no part in a reading for one cause.")
class FallbackCount:
    """A cause and a count."""

    cause: Fallback = strawberry.field(description="Why.")
    times: int = strawberry.field(description="How often.")


@strawberry.type(description="What a language model was asked and cost today, of what it may.")
class LanguageModelUse:
    """A day's budget, over all workers."""

    calls_today: int = strawberry.field(description="Questions asked.")
    most_calls: int = strawberry.field(description="Questions allowed in a day.")
    euros_today: float = strawberry.field(
        description="Euros spent; a question under way counts at its highest price."
    )
    most_euros: float = strawberry.field(description="Euros allowed in a day.")
    reads_answers: bool = strawberry.field(
        description="Whether the platform also lets it read students' answers."
    )


@strawberry.type(description="How often a text had been read before, over all workers, and what that saved.")
class MatcherStatistics:
    """The matcher's cache."""

    hits: int = strawberry.field(description="Texts that had been read before.")
    misses: int = strawberry.field(description="Texts that had to be read.")
    hit_rate: float = strawberry.field(
        description="Hits among both, 0-100 per cent; 0 before the first text."
    )
    entries: int = strawberry.field(description="Readings kept now.")
    waits: int = strawberry.field(description="Hits that came from waiting for another's reading.")
    seconds_saved: float = strawberry.field(description="What the hits had taken at first, in seconds.")
    euros_saved: float = strawberry.field(description="What the hits had cost at first, in euros.")
    dropped_claims: int = strawberry.field(
        description="Claims of a language model that were refused: not offered, or not in the text."
    )
    fallbacks: list[FallbackCount] = strawberry.field(
        description="Readings a language model had no part in though one is configured, by cause."
    )
    language_model: LanguageModelUse | None = strawberry.field(
        description="The day's budget; null where no language model is configured."
    )

    @classmethod
    def of(cls, figures: MatcherFigures, services: Services) -> "MatcherStatistics":
        """Return the figures with the day's budget."""
        return cls(
            hits=figures.hits,
            misses=figures.misses,
            hit_rate=figures.hit_rate,
            entries=figures.entries,
            waits=figures.waits,
            seconds_saved=figures.seconds_saved,
            euros_saved=figures.euros_saved,
            dropped_claims=figures.dropped,
            fallbacks=[FallbackCount(cause=cause, times=times) for cause, times in figures.fallbacks.items()],
            language_model=_use(services),
        )


def _use(services: Services) -> LanguageModelUse | None:
    if services.budget is None:
        return None
    today = services.budget.today()
    return LanguageModelUse(
        calls_today=today.calls,
        most_calls=today.most_calls,
        euros_today=today.euros,
        most_euros=today.most_euros,
        reads_answers=services.matcher.takes_long,
    )


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
    def of(cls, library: LibraryStatistics, matcher: MatcherStatistics) -> "Statistics":
        """Return both sets of figures."""
        return cls(
            case_count=library.case_count,
            validated_case_count=library.validated_case_count,
            session_count=library.session_count,
            open_session_count=library.open_session_count,
            attempt_count=library.attempt_count,
            submitted_attempt_count=library.submitted_attempt_count,
            matcher=matcher,
        )


def matcher_statistics(services: Services) -> MatcherStatistics:
    """Return the matcher's figures as they stand."""
    return MatcherStatistics.of(services.matcher.statistics(), services)


async def current_statistics(context: Context) -> Statistics:
    """Return the figures as they stand."""
    services = context.services
    return await context.read(
        lambda session: Statistics.of(
            library_statistics(session, services.clock), matcher_statistics(services)
        )
    )
