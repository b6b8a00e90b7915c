"""Words said once for several things: `PR, QRS et QT normaux`, `T positives en V5, négatives en V2`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ml.language.lexicon import Hit, Lexicon
from ml.language.tokens import Token
from ml.language.vocabulary import JOINTS, SKIPPED

_ENDS = frozenset({".", ";", ":", "\n", "(", ")", "?", ">", "=>", "avec", "sur", "with"})
_BEFORE_LEADS = frozenset({"en", "in", "de", "from", "across", "au", "niveau", "to", "a", "dan", "lead"})
# May end a name and begin another: `P suivie d'un QRS | fin`.
_NOUNS = frozenset({"qrs", "ondet", "ondep", "ondeq"})
_LONGEST_ITEM = 3
_PENALTY = 6.0


@dataclass(frozen=True, slots=True)
class Shared:
    """A name completed from its neighbour in a list; the neighbour's negation and doubt are its own.

    `joined` says that a conjunction stands between the two.
    """

    hit: Hit
    neighbour: Hit
    joined: bool = True


def shared_names(lexicon: Lexicon, tokens: Sequence[Token], hits: Sequence[Hit]) -> list[Shared]:
    """Find the items of lists that mean something only with the words of a neighbouring item."""
    lists = _Lists(lexicon, tokens, hits)
    return [
        shared
        for hit in hits
        if len(hit.keys) > 1
        for shared in (*lists.after(hit), *lists.before(hit), *lists.beside(hit))
    ]


def _is_bare(hit: Hit) -> bool:
    """Say whether a hit is but the name of a wave, which an item of a list may tell more of."""
    return len(hit.used) == 1 and hit.keys[0] in _NOUNS


class _Lists:
    def __init__(self, lexicon: Lexicon, tokens: Sequence[Token], hits: Sequence[Hit]) -> None:
        self._lexicon = lexicon
        self._keys = [token.key for token in tokens]
        self._leads = frozenset(index for index, token in enumerate(tokens) if token.lead)
        self._taken = frozenset(index for hit in hits for index in hit.used if not _is_bare(hit))
        self._found: set[tuple[int, ...]] = set()

    def after(self, hit: Hit) -> Iterator[Shared]:
        """Complete the items that follow a name: `bloc de branche gauche ou | droit`."""
        index = self._beyond_place(hit.used[-1] + 1)
        while item := self._item(index, 1):
            shared = self._completed(hit, item, tuple(self._beginnings(hit)))
            if shared is None:
                return
            yield shared
            index = self._beyond_place(item[-1] + 1)

    def before(self, hit: Hit) -> Iterator[Shared]:
        """Complete the items that precede a name: `PR, QRS et | QT normaux`."""
        index = hit.used[0] - 1
        while item := self._item(index, -1):
            shared = self._completed(hit, item, tuple(self._ends(hit)))
            if shared is None:
                return
            yield shared
            index = item[0] - 1

    def beside(self, hit: Hit) -> Iterator[Shared]:
        """Complete an adjective without a conjunction: `sus-décalage diffus | concave`."""
        first, last = hit.used[0], hit.used[-1]
        for index in range(max(first - 1, 0), min(last + 2, len(self._keys))):
            if index in self._taken or not self._keys[index].isalpha() or self._keys[index] in _NOUNS:
                continue
            kept = tuple(self._beginnings(hit))
            if index < first:
                kept += tuple(self._ends(hit))
            elif index > last and self._keys[last] in _NOUNS:
                kept += ((self._keys[last],),)
            item = (index, index + 1) if self._keys[index] == "non" and index > last else (index,)
            shared = self._completed(hit, item, kept) if item[-1] < len(self._keys) else None
            if shared is not None:
                yield replace(shared, joined=False)

    def _beginnings(self, hit: Hit) -> Iterator[tuple[str, ...]]:
        written = tuple(self._keys[each] for each in hit.used)
        return (written[:size] for size in range(len(written) - 1, 0, -1))

    def _ends(self, hit: Hit) -> Iterator[tuple[str, ...]]:
        written = tuple(self._keys[each] for each in hit.used)
        return (written[size:] for size in range(1, len(written)))

    def _completed(self, hit: Hit, item: tuple[int, ...], kept: Sequence[tuple[str, ...]]) -> Shared | None:
        """Return the longest name that an item makes with a part of its neighbour's, on either side of it."""
        words = tuple(self._keys[each] for each in item)
        bare = len(words) == 1 and words[0] in _NOUNS
        if item in self._found or (self._lexicon.named(words) and not bare):
            return None
        for part in kept:
            concept = self._lexicon.named((*part, *words)) or self._lexicon.named((*words, *part))
            if concept is not None and concept != hit.concept:
                self._found.add(item)
                return Shared(Hit(concept, item, words, hit.denied, hit.penalty + _PENALTY, "list"), hit)
        return None

    def _beyond_place(self, index: int) -> int:
        """Return what follows the leads a name is found in: `positives en V4-V6 |, négatives en V1-V3`."""
        after = index
        while after < len(self._keys) and (after in self._leads or self._keys[after] in _BEFORE_LEADS):
            after += 1
        return after if after > index and after - 1 in self._leads else index

    def _item(self, index: int, step: int) -> tuple[int, ...]:
        """Return the words of the next item one way, if a conjunction leads to it and no name has them."""
        keys, joints = self._keys, 0
        while 0 <= index < len(keys) and (keys[index] in JOINTS or (keys[index] in SKIPPED and step > 0)):
            joints += keys[index] in JOINTS
            index += step
        item: list[int] = []
        while joints and 0 <= index < len(keys) and keys[index] not in JOINTS | _ENDS:
            if item and step > 0 and self._opens_place(index):
                break
            if keys[index] not in SKIPPED:
                if index in self._taken or not keys[index].isalnum() or len(item) == _LONGEST_ITEM:
                    return ()
                item.append(index)
            index += step
        return tuple(sorted(item))

    def _opens_place(self, index: int) -> bool:
        """Say whether leads or a named place follow: `ou négatives | en latéral`."""
        here = index in self._leads or index in self._taken
        return here and self._keys[index - 1] in _BEFORE_LEADS
