"""Findings described without their names: `les oreillettes n'ont plus de chef d'orchestre`.

Patterns are given by concept; a pattern is a list of groups, a group a list of word beginnings. It matches
where every group has a word within one stretch of a sentence, in any order. Those of `data/descriptions.json`
are in the field's own words (`P de trois morphologies`), those of `data/paraphrases.json` are tales.
"""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import ahocorasick

from ml.language.mentions import Mention
from ml.language.normalising import Folded
from ml.language.tokens import Token
from ml.language.types import Span

Patterns = Mapping[str, Sequence[Sequence[Sequence[str]]]]


def _patterns(name: str) -> Patterns:
    path = Path(__file__).parent / "data" / name
    found: Patterns = json.loads(path.read_text(encoding="utf-8"))
    return found


PARAPHRASES = _patterns("paraphrases.json")
DESCRIPTIONS = _patterns("descriptions.json")
_DENIALS = frozenset({"pas", "san", "aucun", "ni", "absenc", "no", "not", "without", "nor"})
_REACH = 14
_CONFIDENCE = {"paraphrase": 74.0, "combined": 84.0}
_ENDS = frozenset({".", ";", "\n", "?", "!", ":"})


class Paraphrases:
    """The patterns of the concepts an ontology has; `method` is what their mentions are marked with."""

    def __init__(self, concepts: Sequence[str], patterns: Patterns, method: str) -> None:
        self._method = method
        self._patterns: list[tuple[str, int]] = []
        self._groups: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._automaton = ahocorasick.Automaton()
        for concept in concepts:
            for pattern in patterns.get(concept, ()):
                for number, group in enumerate(pattern):
                    for beginning in group:
                        self._groups[" " + beginning.replace("'", " ")].append((len(self._patterns), number))
                self._patterns.append((concept, len(pattern)))
        for beginning in self._groups:
            self._automaton.add_word(beginning, beginning)
        self._automaton.make_automaton()

    def found(self, folded: Folded, tokens: Sequence[Token]) -> Iterator[Mention]:
        """Yield one mention for each concept and sentence in which a pattern matches."""
        if not self._groups:
            return
        sentences = _sentences(tokens)
        told: set[tuple[str, int]] = set()
        for pattern, groups in self._places(folded, tokens).items():
            concept, size = self._patterns[pattern]
            if len(groups) < size:
                continue
            for first, last in sentences:
                within = [
                    [index for index in sorted(groups[number]) if first <= index < last]
                    for number in range(size)
                ]
                chosen = _closest(within)
                if chosen is None or (self._method == "combined" and _is_split(tokens, chosen)):
                    continue
                if (concept, first) not in told:
                    told.add((concept, first))
                    span = Span(tokens[chosen[0]].start, tokens[chosen[-1]].end)
                    yield Mention(concept, chosen, (span,), self._method, _CONFIDENCE[self._method])
                    break

    def _places(self, folded: Folded, tokens: Sequence[Token]) -> dict[int, dict[int, set[int]]]:
        """Return, by pattern and group, the tokens that begin with one of the group's words."""
        text = " " + "".join(each if each.isalnum() else " " for each in folded.text)
        starts = [token.start for token in tokens]
        found: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for end, beginning in self._automaton.iter(text):
            place = folded.origin[end + 1 - len(beginning)]
            index = bisect_left(starts, place)
            starts_word = index < len(tokens) and tokens[index].start == place and not tokens[index].mark
            if starts_word and not _is_doubled(tokens, index):
                for pattern, group in self._groups[beginning]:
                    found[pattern][group].add(index)
        return found


def _is_doubled(tokens: Sequence[Token], index: int) -> bool:
    """Say whether a word only repeats the negation before it: `sans | aucune perte`."""
    return tokens[index].key == "aucun" and index > 0 and tokens[index - 1].key == "san"


def _is_split(tokens: Sequence[Token], chosen: Sequence[int]) -> bool:
    """Say whether a negation parts what was chosen: `T en dôme, pas de sus-décalage`."""
    between = set(range(chosen[0], chosen[-1])) - set(chosen)
    return any(tokens[index].key in _DENIALS for index in between)


def _sentences(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    ends = [index for index, token in enumerate(tokens) if token.mark and token.key in _ENDS]
    starts = [0, *(end + 1 for end in ends)]
    return list(zip(starts, [*ends, len(tokens)], strict=True))


def _closest(groups: Sequence[Sequence[int]]) -> tuple[int, ...] | None:
    """Return one index of each group, all different and within reach, the first such from the left."""
    for anchor in groups[0]:
        chosen = {anchor}
        for group in groups[1:]:
            near = [index for index in group if index not in chosen and abs(index - anchor) <= _REACH]
            if not near:
                break
            chosen.add(min(near, key=lambda index: abs(index - anchor)))
        else:
            return tuple(sorted(chosen))
    return None
