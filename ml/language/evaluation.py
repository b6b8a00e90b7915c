"""How well texts about ECGs are read, on data nobody's rules were made from, and on data they were.

Four sets, each a table: phrases linked to a concept, answers written to go wrong in known ways, real
students' answers labelled twice by hand, and pairs of a French and an English sentence that say the same.
On the last two, how far the reader's confidence can be believed.
Beside them what a naive reader does: the longest names that occur in the text, everything affirmed.
"""

import json
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import quantiles
from typing import Any

from ml.language.batch import AnswerReader, answer_reader
from ml.language.crosswalk import project
from ml.language.endpoint import LanguageModelSettings
from ml.language.foreign import ForeignOntology, read_foreign
from ml.language.language_model import LanguageModelMatcher
from ml.language.lexicon import name_keys
from ml.language.matching import EmbeddedMatcher, merged
from ml.language.tokens import tokenise
from ml.language.types import Claim, Consultation, Expression, LanguageHint, Reading
from ml.language.vocabulary import SMALL_WORDS

Statement = tuple[str, str]
LABELS = Path(__file__).resolve().parents[2] / "tests" / "ml" / "language" / "labels"


@dataclass(slots=True)
class Counts:
    """How many statements were found rightly, wrongly, and not at all."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def add(self, expected: set[Statement], found: set[Statement]) -> None:
        """Count one text."""
        self.right += len(expected & found)
        self.wrong += len(found - expected)
        self.missed += len(expected - found)

    @property
    def precision(self) -> float:
        """Return the share of what was found that is right; 0 when nothing was found."""
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        """Return the share of what there is that was found."""
        return self.right / max(self.right + self.missed, 1)

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall, over all texts together (micro)."""
        return 2 * self.right / max(2 * self.right + self.wrong + self.missed, 1)

    def row(self) -> dict[str, float]:
        """Return the figures for a report."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(slots=True)
class Report:
    """Everything measured; `asdict` of it is the JSON."""

    linking: dict[str, float] = field(default_factory=dict)
    judgements: dict[str, float] = field(default_factory=dict)
    answers: dict[str, dict[str, float]] = field(default_factory=dict)
    pairs: dict[str, dict[str, float]] = field(default_factory=dict)
    confidence: dict[str, dict[str, float]] = field(default_factory=dict)
    speed: dict[str, float] = field(default_factory=dict)

    def text(self) -> str:
        """Return the report as a person reads it."""
        lines = ["Reading texts about ECGs"]
        for title, figures in asdict(self).items():
            lines.append(f"\n{title}")
            for name, value in figures.items():
                if isinstance(value, dict):
                    lines.append(
                        f"  {name:<36}" + "  ".join(f"{key} {each:.3f}" for key, each in value.items())
                    )
                else:
                    lines.append(f"  {name:<36}{value:.3f}")
        return "\n".join(lines)


def evaluate(data: Path, labels: Path = LABELS, model: LanguageModelSettings | None = None) -> Report:
    """Measure on the files of `data`: `linking`, `responses` and `student-answers`, each `.dev.jsonl`.

    The ontology the labels use is `../ontology/edu-ecg.json` beside `data`. Of the real answers, those that a
    language model helps to read are measured beside those the rules read alone.

    Raises
    ------
    OSError
        When one of the files is missing.
    """
    ontology = data.parent / "ontology" / "edu-ecg.json"
    theirs, ours = answer_reader(ontology), answer_reader()
    naive = _naive(read_foreign(ontology))
    helped = answers_with_model(data / "student-answers.dev.jsonl", labels, theirs, model) if model else {}
    return Report(
        linking=_linking(data / "linking.dev.jsonl", labels / "linking-noise.jsonl", theirs),
        judgements=_judgements(data / "responses.dev.jsonl", labels, ours),
        answers=_answers(data / "student-answers.dev.jsonl", labels, theirs, naive) | helped,
        pairs=_pairs(labels / "pairs.jsonl", ours),
        confidence=_confidence(data / "student-answers.dev.jsonl", labels, theirs, ours),
        speed=_speed(data / "student-answers.dev.jsonl", ours),
    )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def _stated(reader: AnswerReader, text: str) -> list[Claim]:
    claims = reader.claims(reader.matcher.match(text))
    return [claim for claim in claims if claim.expression is not Expression.IMPLIED]


def _statements(claims: Iterable[Claim]) -> set[Statement]:
    return {(claim.concept, claim.polarity.value) for claim in claims}


def _linking(path: Path, noise: Path, reader: AnswerReader) -> dict[str, float]:
    """Return the share of phrases whose concept is among the claims, and how many claims a phrase gets."""
    found = phrases = claims = polar = agreed = 0
    for row in _rows(path):
        stated = reader.claims(reader.matcher.match(row["text"]))
        polarities = {claim.polarity.value for claim in stated if claim.concept == row["concept"]}
        phrases, claims, found = phrases + 1, claims + len(stated), found + bool(polarities)
        if polarities and row["polarity"]:
            polar, agreed = polar + 1, agreed + (row["polarity"] in polarities)
    verdicts = [row["verdict"] for row in _rows(noise)]
    return {
        "phrases": phrases,
        "concept among the claims": found / phrases,
        "claims a phrase": claims / phrases,
        "polarity accuracy": agreed / max(polar, 1),
        "labels not right, of 60 re-read": 1 - verdicts.count("right") / max(len(verdicts), 1),
    }


def _judgements(path: Path, labels: Path, reader: AnswerReader) -> dict[str, float]:
    """Return the share of answers judged as their authors meant them.

    Those of `path`, by stratum, were all looked at while the rules were made; so were, of the project's own,
    written by people who did not know the rules, the first, fourth and fifth sets and every other one of the
    second. The third set is the rules' own maker's, who went on to make rules for what it showed.
    """
    hits: dict[str, list[bool]] = defaultdict(list)
    for row in _rows(path):
        right = _judged(reader, row) == row["expected"]["judgment"]
        for name in (row["stratum_code"], "all"):
            hits[name].append(right)
    for name in ("traps", "traps-fourth", "traps-fifth"):
        for row in _rows(labels / f"{name}.jsonl"):
            hits["own, seen"].append(_judged(reader, row) == row["judgment"])
    for number, row in enumerate(_rows(labels / "traps-second.jsonl")):
        name = "own, unseen" if number % 2 else "own, seen"
        hits[name].append(_judged(reader, row) == row["judgment"])
    for row in _rows(labels / "traps-third.jsonl"):
        hits["own, by the rules' maker"].append(_judged(reader, row) == row["judgment"])
    return {name: sum(each) / len(each) for name, each in hits.items()}


def _judged(reader: AnswerReader, row: dict[str, Any]) -> str | None:
    line = reader.line({"id": row["id"], "text": row["response"], "anchor": row["case_anchor"]})
    judgment: str | None = line["judgment"]
    return judgment


def _answers(
    path: Path, labels: Path, reader: AnswerReader, naive: Callable[[str], set[Statement]]
) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 on the answers both annotators labelled.

    Right is what both stated; what only one of them did is left out of account. The first half of the
    labelled answers was looked at while the rules were made, the second never.
    """
    texts = _texts(path)
    first, second = _passes(labels)
    agreement, counted = (
        Counts(),
        {name: Counts() for name in ("seen half", "unseen half", "all", "naive, all")},
    )
    for number, key in enumerate(first):
        agreement.add(first[key], second[key])
        settled, open_ones = first[key] & second[key], first[key] ^ second[key]
        read = _statements(_stated(reader, texts[key])) - open_ones
        half = "seen half" if number < len(first) / 2 else "unseen half"
        counted[half].add(settled, read)
        counted["all"].add(settled, read)
        counted["naive, all"].add(settled, naive(texts[key]) - open_ones)
    rows = {"agreement of the annotators": agreement, **counted}
    return {name: counts.row() for name, counts in rows.items()}


def answers_with_model(
    path: Path, labels: Path, reader: AnswerReader, model: LanguageModelSettings
) -> dict[str, dict[str, float]]:
    """Return the figures of the halves and of all with a language model, and how often it was of no help."""
    asked: list[Consultation] = []

    class Asking(LanguageModelMatcher):
        def match(self, text: str, language: LanguageHint = "auto") -> Reading:
            reading = super().match(text, language)
            asked.append(reading.consultation or Consultation())
            return reading

    matcher = Asking(EmbeddedMatcher(reader.matcher.ontology), model)
    rows = _answers(path, labels, replace(reader, matcher=matcher), lambda _text: set())
    told = {
        "asked": float(len(asked)),
        "in vain": float(sum(each.fallback is not None for each in asked)),
        "claims dropped": float(sum(each.dropped for each in asked)),
        "euros": sum(each.microeuros for each in asked) / 1e6,
    }
    kept = {f"{name}, with a model": rows[name] for name in ("seen half", "unseen half", "all")}
    return kept | {"questions to the model": told}


def _texts(path: Path) -> dict[tuple[str, str], str]:
    return {(row["student"], row["case"]): row["text"] for row in _rows(path)}


def _passes(labels: Path) -> list[dict[tuple[str, str], set[Statement]]]:
    """Return what each of the two annotators read in the labelled answers."""
    return [
        {
            (row["student"], row["case"]): _listed(row)
            for row in _rows(labels / f"student-answers.{name}.jsonl")
        }
        for name in ("first", "second")
    ]


def _listed(row: dict[str, Any]) -> set[Statement]:
    return {(each["concept"], each["polarity"]) for each in row["claims"]}


def _pairs(path: Path, reader: AnswerReader) -> dict[str, dict[str, float]]:
    """Return the same for sentences said in both languages; every other pair was looked at."""
    parts = ("seen", "unseen", "all")
    counted = {f"{language}, {part}": Counts() for part in parts for language in ("fr", "en")}
    for number, row in enumerate(_rows(path)):
        expected = _listed(row)
        for language in ("fr", "en"):
            read = _statements(_stated(reader, row[language]))
            for part in ("unseen" if number % 2 else "seen", "all"):
                counted[f"{language}, {part}"].add(expected, read)
    return {name: counts.row() for name, counts in counted.items()}


def _confidence(
    path: Path, labels: Path, theirs: AnswerReader, ours: AnswerReader
) -> dict[str, dict[str, float]]:
    """Return how sure the reader was and how often it was right, and the gap between the two (ECE).

    On every labelled answer and pair; what is implied is left out, for the labels say only what is stated.
    """
    verdicts: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for half, claim, right in _verdicts(path, labels, theirs, ours):
        low = int(min(claim.confidence, 99)) // 10 * 10
        names = (
            half,
            f"{low}-{low + 10}",
            f"method {claim.method}",
            claim.expression.value,
            claim.certainty.value,
        )
        for name in names:
            verdicts[name].append((claim.confidence, right))
    return {name: reliability(verdicts[name]) for name in sorted(verdicts)}


def _verdicts(
    path: Path, labels: Path, theirs: AnswerReader, ours: AnswerReader
) -> Iterator[tuple[str, Claim, bool]]:
    """Yield every claim made on labelled texts, with the half it belongs to and whether it is right."""
    texts, (first, second) = _texts(path), _passes(labels)
    for number, key in enumerate(first):
        half = "seen half" if number < len(first) / 2 else "unseen half"
        for claim in _unfiltered(theirs, texts[key]):
            statement = (claim.concept, claim.polarity.value)
            if statement not in first[key] ^ second[key]:
                yield half, claim, statement in first[key]
    for number, row in enumerate(_rows(labels / "pairs.jsonl")):
        for text in (row["fr"], row["en"]):
            for claim in _unfiltered(ours, text):
                right = (claim.concept, claim.polarity.value) in _listed(row)
                yield "unseen half" if number % 2 else "seen half", claim, right


def _unfiltered(reader: AnswerReader, text: str) -> list[Claim]:
    """Return what is read in a text, however unsure."""
    claims = reader.matcher.match(text).claims
    told = merged(project(claims, reader.crosswalk)) if reader.crosswalk else claims
    return [claim for claim in told if claim.expression is not Expression.IMPLIED]


def reliability(verdicts: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """Return how many claims, their mean confidence, how many of a hundred are right, and the mean gap."""
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, right in verdicts:
        bins[int(min(confidence, 99)) // 10].append((confidence, right))
    gap = sum(abs(sum(sure - 100 * right for sure, right in each)) for each in bins.values())
    count = len(verdicts)
    return {
        "claims": count,
        "confidence": sum(sure for sure, _ in verdicts) / count,
        "right": 100 * sum(right for _, right in verdicts) / count,
        "ece": gap / count,
    }


def _speed(path: Path, reader: AnswerReader) -> dict[str, float]:
    """Return milliseconds for answers of about 60 words, and megabytes of this process."""
    words = " ".join(row["text"] for row in _rows(path)).split()
    texts = [" ".join(words[start : start + 60]) for start in range(0, len(words) - 60, 15)]
    taken: list[float] = []
    for text in texts:
        start = time.perf_counter()
        reader.matcher.match(text)
        taken.append((time.perf_counter() - start) * 1000)
    cut = quantiles(taken, n=100)
    return {
        "p50 ms of 60 words": cut[49],
        "p99 ms of 60 words": cut[98],
        "memory MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _naive(foreign: ForeignOntology) -> Callable[[str], set[Statement]]:
    """Return a reader that takes the longest names as they stand, all affirmed."""
    names: dict[tuple[str, ...], str] = {}
    for concept in foreign.concepts:
        for name in concept.names:
            names.setdefault(name_keys(name), concept.id)
    longest = max(map(len, names))

    def read(text: str) -> set[Statement]:
        keys = [token.key for token in tokenise(text) if not token.mark and token.key not in SMALL_WORDS]
        return {(concept, "present") for concept in _longest_names(keys, names, longest)}

    return read


def _longest_names(keys: Sequence[str], names: dict[tuple[str, ...], str], longest: int) -> Iterator[str]:
    start = 0
    while start < len(keys):
        sizes = range(min(longest, len(keys) - start), 0, -1)
        size = next((size for size in sizes if tuple(keys[start : start + size]) in names), None)
        if size is not None:
            yield names[tuple(keys[start : start + size])]
        start += size or 1
