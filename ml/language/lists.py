"""Lists that say a word once for several things: `PR, QRS et QT normaux`, `onde T ample et pointue`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ml.language.lexicon import Hit, Lexicon
from ml.language.tokens import Token
from ml.language.vocabulary import JOINTS, SKIPPED

_ENDS = frozenset({".", ";", ":", "\n", "(", ")", "?", ">", "avec", "sur", "with"})
_LONGEST_ITEM = 3
_PENALTY = 6.0


@dataclass(frozen=True, slots=True)
class Shared:
    """A name completed from its neighbour in a list; the neighbour's negation and doubt are its own."""

    hit: Hit
    neighbour: Hit


def shared_names(lexicon: Lexicon, tokens: Sequence[Token], hits: Sequence[Hit]) -> list[Shared]:
    """Find the items of lists that mean something only with the words of a neighbouring item."""
    keys = [token.key for token in tokens]
    taken = frozenset(index for hit in hits for index in hit.used)
    found: list[Shared] = []
    for hit in hits:
        if len(hit.keys) > 1:
            found.extend(_forward(lexicon, keys, taken, hit))
            found.extend(_backward(lexicon, keys, taken, hit))
    return found


def _forward(lexicon: Lexicon, keys: Sequence[str], taken: frozenset[int], hit: Hit) -> Iterator[Shared]:
    """Complete the items after a name with its beginning: `bloc de branche gauche ou | droit`."""
    index = hit.used[-1] + 1
    while item := _item(keys, taken, index, 1):
        words = tuple(keys[each] for each in item)
        concept = next(
            (
                found
                for cut in range(len(hit.keys) - 1, 0, -1)
                if (found := lexicon.named((*hit.keys[:cut], *words)))
            ),
            None,
        )
        if concept is None or lexicon.named(words):
            return
        yield Shared(Hit(concept, item, words, hit.denied, hit.penalty + _PENALTY, "list"), hit)
        index = item[-1] + 1


def _backward(lexicon: Lexicon, keys: Sequence[str], taken: frozenset[int], hit: Hit) -> Iterator[Shared]:
    """Complete the items before a name with its end: `PR, QRS et | QT normaux`."""
    index = hit.used[0] - 1
    while item := _item(keys, taken, index, -1):
        words = tuple(keys[each] for each in item)
        concept = next(
            (found for cut in range(1, len(hit.keys)) if (found := lexicon.named((*words, *hit.keys[cut:])))),
            None,
        )
        if concept is None or lexicon.named(words):
            return
        yield Shared(Hit(concept, item, words, hit.denied, hit.penalty + _PENALTY, "list"), hit)
        index = item[0] - 1


def _item(keys: Sequence[str], taken: frozenset[int], index: int, step: int) -> tuple[int, ...]:
    """Return the words of the next item one way, if a conjunction leads to it and no name has them."""
    joints = 0
    while 0 <= index < len(keys) and (keys[index] in JOINTS or (keys[index] in SKIPPED and step > 0)):
        joints += keys[index] in JOINTS
        index += step
    item: list[int] = []
    while joints and 0 <= index < len(keys) and keys[index] not in JOINTS | _ENDS:
        if keys[index] not in SKIPPED:
            if index in taken or not keys[index].isalnum() or len(item) == _LONGEST_ITEM:
                return ()
            item.append(index)
        index += step
    return tuple(sorted(item))
