"""One question to an OpenAI-compatible endpoint: in bounded time, within a budget, not in vain forever."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from math import ceil
from ssl import SSLContext
from typing import TYPE_CHECKING, Any, Protocol

from ml.language.types import Fallback

if TYPE_CHECKING:
    from openai import APIConnectionError, APIStatusError, AsyncOpenAI
    from openai.types.chat import ChatCompletion

LONGEST_ANSWER = 2000
"""Tokens."""
PAUSES_S = (0.5, 1.5)
"""Before the second and the third try, where the endpoint does not say itself when to come back."""
FAILURES = 3
REST_S = 60.0
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class EndpointError(Exception):
    """The endpoint gave no answer that can be used."""

    def __init__(self, cause: Fallback, microeuros: int = 0) -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.microeuros = microeuros


@dataclass(frozen=True, slots=True)
class LanguageModelSettings:
    """Where the model answers, how long it is waited for and what it costs.

    Attributes
    ----------
    base_url
        Address of the endpoint, up to and without `/chat/completions`; None for the provider's own.
    timeout_s
        Longest wait for an answer in all, further tries included, in seconds.
    input_price, output_price
        Euros for a million tokens, which is millionths of a euro for one.
    """

    api_key: str
    model: str
    base_url: str | None = None
    timeout_s: float = 20.0
    input_price: float = 0.0
    output_price: float = 0.0

    def price(self, read: int, written: int) -> int:
        """Return what tokens cost, in millionths of a euro, never too little."""
        return ceil(read * self.input_price + written * self.output_price)


class Budget(Protocol):
    """How much may be asked; every amount is in millionths of a euro."""

    def reserve(self, most: int) -> str | None:
        """Set aside what a question may cost at most; return on which account, None if too little is left."""
        ...

    def settle(self, account: str, reserved: int, spent: int) -> None:
        """Replace what was set aside by what was spent."""
        ...


class Unlimited:
    """A budget that never ends, for measurements somebody asked for."""

    def reserve(self, most: int) -> str:  # noqa: ARG002 - it never ends
        """Let every question through."""
        return ""

    def settle(self, account: str, reserved: int, spent: int) -> None:
        """Keep no account."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the model wrote, and what that cost in millionths of a euro."""

    content: str
    microeuros: int


class Circuit:
    """Opens after failures in a row: for a while nobody waits for a dead endpoint, then one tries again."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._again_at = 0.0

    def lets_through(self) -> bool:
        """Say whether to ask now."""
        with self._lock:
            if self._failures < FAILURES:
                return True
            if self._clock() < self._again_at:
                return False
            self._again_at = self._clock() + REST_S
            return True

    def tell(self, *, answered: bool) -> None:
        """Take note of how a question went."""
        with self._lock:
            self._failures = 0 if answered else self._failures + 1
            self._again_at = self._clock() + REST_S


class Endpoint:
    """An OpenAI-compatible endpoint. Calls block: make them off the event loop."""

    def __init__(
        self,
        settings: LanguageModelSettings,
        budget: Budget,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._budget = budget
        self._circuit = Circuit(clock)

    def ask(self, instructions: str, content: str, schema: Mapping[str, Any]) -> Answered:
        """Return what the model answers, which is meant to fit the schema.

        Raises
        ------
        EndpointError
            When it does not answer in time, refuses, is cut short, or may not be asked.
        """
        if not self._circuit.lets_through():
            raise EndpointError(Fallback.UNREACHABLE)
        # A token is a byte at least, so this is more than the question can cost.
        size = len((instructions + content + str(schema)).encode("utf-8", "replace"))
        reserved = spent = self._settings.price(size, LONGEST_ANSWER)
        account = self._budget.reserve(reserved)
        if account is None:
            raise EndpointError(Fallback.OVER_BUDGET)
        try:
            completion = self._completion(instructions, content, schema)
            spent = self._spent(completion, reserved)
            return Answered(_written(completion), spent)
        except EndpointError as error:
            # What came too late may be on the bill all the same.
            spent = 0 if error.cause is Fallback.UNREACHABLE else spent
            raise EndpointError(error.cause, spent) from None
        finally:
            self._budget.settle(account, reserved, spent)

    def _completion(self, instructions: str, content: str, schema: Mapping[str, Any]) -> "ChatCompletion":
        from openai import (  # noqa: PLC0415 - importing it takes a second that most processes never need
            APIConnectionError,
            APIStatusError,
            APITimeoutError,
            OpenAIError,
        )

        cause = Fallback.MALFORMED
        try:
            completion = asyncio.run(self._in_time(instructions, content, schema))
        except (TimeoutError, APITimeoutError):
            cause = Fallback.SLOW
        except (APIStatusError, APIConnectionError):
            cause = Fallback.UNREACHABLE
        except (OpenAIError, ValueError):
            cause = Fallback.MALFORMED
        else:
            self._circuit.tell(answered=True)
            return completion
        self._circuit.tell(answered=cause is Fallback.MALFORMED)
        raise EndpointError(cause)

    @cached_property
    def _trusted(self) -> SSLContext:
        """Return whom to trust; reading it takes as long as the rest of a question does here."""
        from httpx import create_ssl_context  # noqa: PLC0415 - the same

        return create_ssl_context()

    async def _in_time(self, instructions: str, content: str, schema: Mapping[str, Any]) -> "ChatCompletion":
        from openai import (  # noqa: PLC0415
            APIConnectionError,
            APIStatusError,
            APITimeoutError,
            AsyncOpenAI,
            DefaultAsyncHttpxClient,
        )

        settings = self._settings
        stop_at = time.monotonic() + settings.timeout_s
        async with (
            asyncio.timeout(settings.timeout_s),
            AsyncOpenAI(
                api_key=settings.api_key,
                base_url=settings.base_url,
                timeout=settings.timeout_s,
                max_retries=0,
                http_client=DefaultAsyncHttpxClient(verify=self._trusted),
            ) as client,
        ):
            for pause in (*PAUSES_S, None):
                try:
                    return await self._once(client, instructions, content, schema)
                except APITimeoutError:
                    raise
                except (APIStatusError, APIConnectionError) as error:
                    wait = None if pause is None else _wait(error, pause)
                    if wait is None or time.monotonic() + wait >= stop_at:
                        raise
                await asyncio.sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def _once(
        self, client: "AsyncOpenAI", instructions: str, content: str, schema: Mapping[str, Any]
    ) -> "ChatCompletion":
        return await client.chat.completions.create(
            model=self._settings.model,
            messages=[{"role": "system", "content": instructions}, {"role": "user", "content": content}],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": dict(schema)},
            },
            temperature=0,
            max_tokens=LONGEST_ANSWER,
        )

    def _spent(self, completion: "ChatCompletion", reserved: int) -> int:
        """Return what `usage` says it cost; all that was reserved where it says nothing sensible."""
        try:
            read, written = completion.usage.prompt_tokens, completion.usage.completion_tokens  # type: ignore[union-attr]
            return self._settings.price(max(int(read), 0), max(int(written), 0))
        except (AttributeError, TypeError, ValueError, OverflowError):
            return reserved


def _written(completion: "ChatCompletion") -> str:
    """Return what the model wrote, if it neither refused nor was cut short."""
    try:
        choice = completion.choices[0]
        if choice.finish_reason == "stop" and not choice.message.refusal and choice.message.content:
            return str(choice.message.content)
    except (AttributeError, LookupError, TypeError):
        pass
    raise EndpointError(Fallback.MALFORMED)


def _wait(error: "APIStatusError | APIConnectionError", pause: float) -> float | None:
    """Return the seconds until another try, as the endpoint says or the usual ones; None for never."""
    response = getattr(error, "response", None)
    if response is None:
        return pause
    if response.status_code not in _PASSING:
        return None
    said = response.headers.get("retry-after", "")
    try:
        return max(float(said), 0.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return pause
