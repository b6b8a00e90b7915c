"""What the numbers of a text mean, and whether the words beside them agree."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ml.language.concepts import Concept, Kind, MeasuredRange
from ml.language.measuring import Measured
from ml.language.normalising import Folded
from ml.language.ontology import Ontology
from ml.language.types import Claim, Measurement, Polarity, Sex, Span
from ml.language.verdicts import Verdict, called

_SENTENCE_END = re.compile(r"(?<!\bi\.e)[.;\n](?!\d|e\.)")
# How far beyond its range a value may lie and still be called abnormal: many teach 60/min as the lower limit
# of the normal rate, and no one reads an interval off paper to the millisecond.
_TOLERANCE = {"rate": 10.0, "pr": 20.0, "qrs": 10.0, "qtc": 10.0, "qt": 10.0, "axis": 15.0}
_TOLERANCE |= {"cornell": 8.0}
# What these mean depends on the leads, the patient and the hour; only a wrong word for them can be told.
_MEANINGLESS = frozenset({"st", "pause"})


class Meanings:
    """The ranges of an ontology's concepts."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._ranges: dict[str, MeasuredRange] = {
            each.id: each.range for each in ontology.concepts if each.range is not None
        }
        self._called_by: dict[tuple[str, Verdict], str] = {}
        for concept, interval in self._ranges.items():
            if not any(up in self._ranges for up in ontology.ancestors(concept)):
                verdict = _verdict(ontology.concept(concept), interval)
                self._called_by.setdefault((interval.measure, verdict), concept)

    def meant(self, measured: Measured, sex: Sex | None) -> list[str]:
        """Return the most specific concepts that a number states."""
        if measured.measurement.name in _MEANINGLESS:
            return []
        within = [
            concept
            for concept, interval in self._ranges.items()
            if interval.measure == measured.measurement.name
            and interval.contains(measured.low, sex)
            and interval.contains(measured.high, sex)
        ]
        return self._ontology.most_specific(within)

    def miscalled(self, folded: Folded, measured: Measured) -> tuple[str, Span] | None:
        """Return the concept that the words right after a number state of it, where the number is none such.

        What they state rightly is the number's own meaning.
        """
        call = called(folded.text, measured.end)
        if call is None:
            return None
        concept = self._called_by.get((measured.measurement.name, call.verdict))
        if concept is None or self._called(concept, None, measured) is not False:
            return None
        return concept, Span(folded.origin[call.start], folded.origin[call.end - 1] + 1)

    def wider(self, concept: str) -> Iterator[str]:
        """Yield what a number says more precisely: `QRS larges à 150 ms` is `QRS > 120 ms` only (rule 6)."""
        for up in self._ontology.ancestors(concept):
            if up in self._ranges and self._ranges[up].measure == self._ranges[concept].measure:
                yield up

    def of(
        self, folded: Folded, measured: Sequence[Measured], claims: Sequence[Claim], sex: Sex | None
    ) -> tuple[Measurement, ...]:
        """Return the measurements with their meaning, and whether their sentence agrees with it."""
        ends = [folded.origin[found.start()] for found in _SENTENCE_END.finditer(folded.text)]
        said: dict[int, dict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
        for claim in claims:
            if claim.method != "measured" and claim.polarity is Polarity.PRESENT:
                for span in claim.spans:
                    for sentence in _sentences(span, ends):
                        said[sentence][claim.concept].append(span)
        return tuple(self._understood(each, said, ends, sex) for each in measured)

    def _understood(
        self,
        measured: Measured,
        said: Mapping[int, Mapping[str, Sequence[Span]]],
        ends: Sequence[int],
        sex: Sex | None,
    ) -> Measurement:
        meaning = next(iter(self.meant(measured, sex)), None)
        whole = measured.measurement.span
        near: set[bool | None] = set()
        within: set[bool | None] = set()
        for sentence in _sentences(whole, ends):
            for concept, spans in said.get(sentence, {}).items():
                verdict = self._called(concept, meaning, measured)
                near.add(verdict)
                if verdict is not None and _overlaps(whole, spans):
                    within.add(verdict)
        if False in within and True not in within:
            agrees: bool | None = (
                False  # a word in the number's own phrase: `FC rapide à 42/min, bradycardie`
            )
        else:
            agrees = True if True in near else False if False in near else None
        return replace(measured.measurement, meaning=meaning, agrees=agrees)

    def _called(self, concept: str, meaning: str | None, measured: Measured) -> bool | None:
        """Say whether a named concept calls a value what it is, or something else, or says nothing of it."""
        if meaning is not None and self._ontology.related(concept, meaning):
            return True
        interval = self._range_of(concept, measured.measurement.name)
        if interval is None:
            return None
        abnormal = self._ontology.concept(concept).kind is not Kind.NORMALITY
        slack = _TOLERANCE.get(measured.measurement.name, 0.0) if abnormal else 0.0
        near = any(interval.contains(value) for value in (measured.low - slack, measured.high + slack))
        if near:
            return True
        return False if meaning is None or self._ontology.exclude_each_other(concept, meaning) else None

    def _range_of(self, concept: str, name: str) -> MeasuredRange | None:
        """Return the range of a measurement that a concept, or what it specialises, stands for."""
        for each in self._ontology.lineage(concept):
            if each in self._ranges and self._ranges[each].measure == name:
                return self._ranges[each]
        return None


def _verdict(concept: Concept, interval: MeasuredRange) -> Verdict:
    if concept.kind is Kind.NORMALITY:
        return Verdict.NORMAL
    return Verdict.LOW if interval.above is None and interval.at_least is None else Verdict.HIGH


def _sentences(span: Span, ends: Sequence[int]) -> range:
    """Return the numbers of the sentences a stretch lies in."""
    return range(bisect_left(ends, span.start), bisect_left(ends, span.end) + 1)


def _overlaps(whole: Span, spans: Sequence[Span]) -> bool:
    """Say whether a stretch overlaps one of others, which are in text order."""
    last = bisect_left(spans, whole.end, key=lambda span: span.start)
    return last > 0 and spans[last - 1].end > whole.start


_MAN = re.compile(r"\b(?:hommes?|monsieur|masculin|garcon|man|male|gentleman)\b")
_WOMAN = re.compile(r"\b(?:femmes?|madame|feminin|patientes?|fille|woman|female|lady)\b")


def sex_told(folded: Folded) -> Sex | None:
    """Return the patient's sex where a text says it, and only one."""
    man, woman = _MAN.search(folded.text), _WOMAN.search(folded.text)
    if (man is None) == (woman is None):
        return None
    return "male" if man else "female"
