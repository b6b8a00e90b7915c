"""How often the engine says of an answer what teachers ruled, on lines `rulings export` wrote.

A line is a JSON object with `text`, `picked`, `language`, `key` (`[{"concept", "coefficient", "role"}]`),
`concept`, `engine` (what the mark said then, or null) and `ruled`, both of `ml.language.ruling.RuledVerdict`.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml.language.batch import answer_reader
from ml.language.grading import KeyItem, Role, grade
from ml.language.matching import ConceptMatcher
from ml.language.ruling import RuledVerdict, verdict_on


class RulingsError(ValueError):
    """A line that is no ruling, and why."""


@dataclass(slots=True)
class Counts:
    """How many rulings the engine agrees with, now and when the answers were marked."""

    rulings: int = 0
    now: int = 0
    then: int = 0

    def add(self, *, now: bool, then: bool) -> None:
        """Count one ruling."""
        self.rulings, self.now, self.then = self.rulings + 1, self.now + now, self.then + then

    def row(self) -> dict[str, float]:
        """Return the figures for a report; shares are 0 where there is no ruling."""
        of = max(self.rulings, 1)
        return {"rulings": self.rulings, "now": self.now / of, "when marked": self.then / of}


@dataclass(slots=True)
class Agreement:
    """What was measured.

    Attributes
    ----------
    overall
        Of all rulings, and by the language of the students' pages.
    concepts
        By contested concept, the most often ruled on first.
    left_out
        Rulings on what the present ontology does not have any more.
    """

    overall: dict[str, dict[str, float]] = field(default_factory=dict)
    concepts: dict[str, dict[str, float]] = field(default_factory=dict)
    left_out: int = 0

    def text(self) -> str:
        """Return the report as a person reads it."""
        lines = ["Agreement with teachers' rulings", f"  left out  {self.left_out}"]
        for title, rows in (("overall", self.overall), ("by concept", self.concepts)):
            lines.append(f"\n{title:<38}{'rulings':>8}{'now':>8}{'when marked':>13}")
            lines += [
                f"  {name:<36}{row['rulings']:>8.0f}{row['now']:>8.3f}{row['when marked']:>13.3f}"
                for name, row in rows.items()
            ]
        return "\n".join(lines)


def agreement(path: Path) -> Agreement:
    """Measure on a file of rulings, with the project's own ontology.

    Raises
    ------
    OSError
        When the file cannot be read.
    RulingsError
        When a line is no ruling.
    """
    matcher = answer_reader().matcher
    overall, concepts, left_out = defaultdict[str, Counts](Counts), defaultdict[str, Counts](Counts), 0
    for example in _examples(path):
        if example.concept not in matcher.ontology:
            left_out += 1
            continue
        now, then = example.read(matcher) is example.ruled, example.engine is example.ruled
        for counts in (overall["all"], overall[example.language], concepts[example.concept]):
            counts.add(now=now, then=then)
    often = sorted(concepts.items(), key=lambda each: (-each[1].rulings, each[0]))
    return Agreement(
        {name: counts.row() for name, counts in overall.items()},
        {name: counts.row() for name, counts in often},
        left_out,
    )


@dataclass(frozen=True, slots=True)
class _Example:
    """One ruling with the answer it is about."""

    text: str
    picked: tuple[str, ...]
    language: str
    key: tuple[KeyItem, ...]
    concept: str
    engine: RuledVerdict | None
    ruled: RuledVerdict

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "_Example":
        return cls(
            str(given["text"]),
            tuple(given["picked"]),
            str(given["language"]),
            tuple(KeyItem(each["concept"], each["coefficient"], Role(each["role"])) for each in given["key"]),
            str(given["concept"]),
            None if given["engine"] is None else RuledVerdict(given["engine"]),
            RuledVerdict(given["ruled"]),
        )

    def read(self, matcher: ConceptMatcher) -> RuledVerdict:
        """Return what the engine now says of the concept; what a mark does not name is not stated."""
        key = [item for item in self.key if item.concept in matcher.ontology]
        marked = grade(matcher.match(self.text), self.picked, key, matcher.ontology)
        return verdict_on(marked, self.concept) or RuledVerdict.WITHDRAWN


def _examples(path: Path) -> Iterator[_Example]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _Example.of(json.loads(line))
            except (KeyError, TypeError, ValueError) as error:
                raise RulingsError(f"{path}: line {number} is no ruling ({error!r})") from None
