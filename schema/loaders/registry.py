"""A request's loaders, made when first asked for."""

from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Any, Protocol, TypeVar, cast

from sqlmodel import Session
from strawberry.dataloader import DataLoader

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
R = TypeVar("R")


class Read(Protocol):
    """Runs work in a thread with a session of its own."""

    def __call__(self, work: Callable[[Session], R]) -> Awaitable[R]:
        """Return what `work` returned."""
        ...


class Loaders:
    """Loads rows by key in batches; each batch opens its own reading session.

    A batch function takes (session, keys) and returns one value for each key, in the keys' order.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._loaders: dict[Any, DataLoader[Any, Any]] = {}
        self._fetched: dict[Any, dict[Any, Any]] = {}

    def of(self, batch: Callable[[Session, list[K]], list[V]]) -> DataLoader[K, V]:
        """Return this request's loader for a batch function."""
        if batch not in self._loaders:

            async def load(keys: list[K]) -> list[V]:
                return await self._read(lambda session: batch(session, keys))

            self._loaders[batch] = DataLoader(load_fn=load)
        return self._loaders[batch]

    def fetch(
        self, session: Session, batch: Callable[[Session, list[K]], list[V]], keys: Iterable[K]
    ) -> None:
        """Load a page's values at once, for `then` to give without waiting.

        Fifty objects whose lists each wait for a loader cost tasks that outweigh everything else on the page.
        """
        wanted = list(dict.fromkeys(keys))
        values = batch(session, wanted) if wanted else []
        self._fetched.setdefault(batch, {}).update(zip(wanted, values, strict=True))

    def then(self, batch: Callable[[Session, list[K]], list[V]], key: K, convert: Callable[[V], R]) -> R:
        """Return what a resolver may: the converted value where it was fetched, else something to await."""
        fetched = self._fetched.get(batch, {})
        if key in fetched:
            return convert(fetched[key])

        async def load() -> R:
            return convert(await self.of(batch).load(key))

        return cast("R", load())
