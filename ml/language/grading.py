"""Marking what a student stated against the key a teacher set, with the reason for every point.

The rules, version 4
--------------------
A key item's credit runs from 0 to 1. It is the best that any one affirmed claim earns:

- the expected concept, or a more specific one, earns 1; so does what a tracing shows of it (« QT long » of a
  long QT syndrome);
- a more general concept earns `GENERALITY_CREDIT`: half for the next level up, a quarter for the one above
  that, nothing beyond;
- more general concepts that between them state both parts of the expected one (« SCA ST+ » and « sus-décalage
  inférieur » for « SCA ST+ inférieur ») earn 1 together;
- a concept that the signs stated amount to, without its name, earns three quarters (`IMPLIED_CREDIT`) of
  what stating it would, or 1 where a wider diagnosis is named beside the sign that makes it the expected one
  (« BBD, QRS 140 ms » for a complete block); what is implied is never held against an answer;
- a concept stated as merely possible earns half of that (`CERTAINTY_CREDIT`); probable counts in full.

An item is *contradicted*, and earns nothing, when the answer denies the expected concept or one more general
than it, or affirms, at least as firmly as it affirms the expected one or one more specific, a concept that
the ontology says excludes it, or prefers such a one (`ml.language.judging`). What a number alone says never
outweighs the expected concept in words: « bradycardie à 55/min » states bradycardia. A concept that serves
some key item never contradicts another: two items of a key may exclude each other in general and still both
be true of one tracing.

An affirmed claim that excludes a key item, or that states the finding of a key item in another territory,
is *wrong* and listed with where it was said; an alternative that is merely possible beside the expected
concept is neither wrong nor supplementary. Anything else beyond the key is supplementary: listed, and
without effect on the mark. Concepts picked from the list count as asserted.

The mark is 100 times the sum of coefficient times credit over the sum of coefficients, over scored items;
descriptive items are marked the same way and do not count. A key with no scored item gives no mark. What does
not hold together in the answer by itself, and the judgement of it as a whole, go with the mark without moving
it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ml.language.feedback import Feedback, feedback
from ml.language.grades import (
    GRADER_VERSION,
    Because,
    Grade,
    GradedItem,
    KeyItem,
    Reason,
    Role,
    Verdict,
    WrongClaim,
)
from ml.language.implying import covered, is_named, shown_of
from ml.language.judging import judge, preferred_to
from ml.language.ontology import Ontology
from ml.language.types import FIRMNESS, Certainty, Claim, Expression, Polarity, Reading, Span

__all__ = [
    "CERTAINTY_CREDIT",
    "COUNTED_CONFIDENCE",
    "GENERALITY_CREDIT",
    "GRADER_VERSION",
    "IMPLIED_CREDIT",
    "Because",
    "Feedback",
    "Grade",
    "GradedItem",
    "KeyItem",
    "Reason",
    "Role",
    "Verdict",
    "WrongClaim",
    "feedback",
    "grade",
    "score_of",
]

GENERALITY_CREDIT = {1: 0.5, 2: 0.25}
CERTAINTY_CREDIT = {Certainty.ASSERTED: 1.0, Certainty.PROBABLE: 1.0, Certainty.POSSIBLE: 0.5}
IMPLIED_CREDIT = 0.75
COUNTED_CONFIDENCE = 70.0
_DEFENDS = frozenset({Reason.EXACT, Reason.MORE_SPECIFIC, Reason.HEDGED})


def grade(reading: Reading, picked: Sequence[str], key: Sequence[KeyItem], ontology: Ontology) -> Grade:
    """Mark a reading and the concepts picked beside it against a key.

    Parameters
    ----------
    reading
        What the answer's text states; claims below 70 in confidence are left out of account.
    picked
        Identifiers the student chose from the list; unknown ones are ignored.
    key
        What the teacher expects.

    Raises
    ------
    KeyError
        When the key names a concept the ontology does not have.

    Examples
    --------
    A key of two items with coefficients 1.0 and 0.5, the first found and the second given only as the more
    general concept one level up: 100 x (1.0 x 1 + 0.5 x 0.5) / 1.5 = 83.3.
    """
    for item in key:
        ontology.concept(item.concept)
    answer = _Answer(reading, picked, [item.concept for item in key], ontology)
    items = tuple(answer.graded(item) for item in key)
    scored = [item.concept for item in key if item.role is Role.SCORED]
    return Grade(
        score=score_of(items),
        items=items,
        wrong=answer.wrong(),
        supplementary=answer.supplementary(),
        judgment=judge(reading, scored, ontology),
        findings=reading.findings,
    )


def score_of(items: Iterable[GradedItem]) -> float | None:
    """Return the mark out of 100 that items earn together; None where none of them is scored."""
    scored = [item for item in items if item.role is Role.SCORED]
    weight = sum(item.coefficient for item in scored)
    if not weight:
        return None
    return round(100 * sum(item.coefficient * item.credit for item in scored) / weight, 1)


@dataclass(frozen=True, slots=True)
class _Support:
    """What one claim is worth for one key item."""

    credit: float
    reason: Reason
    claim: Claim


class _Answer:
    """A student's claims, asked about one key item at a time."""

    def __init__(
        self, reading: Reading, picked: Sequence[str], expected: Sequence[str], ontology: Ontology
    ) -> None:
        claims = [
            claim
            for claim in reading.claims
            if claim.confidence >= COUNTED_CONFIDENCE and claim.concept in ontology
        ]
        claims += [_picked(each) for each in dict.fromkeys(picked) if each in ontology]
        self._reading = reading
        self._ontology = ontology
        self._expected = tuple(dict.fromkeys(expected))
        self._affirmed = [claim for claim in claims if claim.polarity is Polarity.PRESENT]
        self._denied = [claim for claim in claims if claim.polarity is Polarity.ABSENT]
        self._firm = [claim for claim in self._affirmed if CERTAINTY_CREDIT.get(claim.certainty) == 1.0]
        self._implied = [
            claim
            for claim in reading.claims
            if claim.expression is Expression.IMPLIED and claim.concept in ontology
        ]
        self._serving = {claim.concept for claim in self._affirmed if self._serves(claim.concept)}

    def graded(self, item: KeyItem) -> GradedItem:
        """Return one key item with its verdict."""
        support = self._support(item.concept)
        against = self._against(item.concept, support)
        if against is not None:
            reason, claim = against
            return _graded(item, Verdict.CONTRADICTED, 0.0, claim.spans, Because(reason, claim.concept))
        if support is None:
            return _graded(item, Verdict.MISSED, 0.0, (), Because(Reason.NOT_STATED))
        verdict = Verdict.FOUND if support.credit >= 1.0 else Verdict.PARTIAL
        because = Because(support.reason, support.claim.concept)
        return _graded(item, verdict, support.credit, support.claim.spans, because)

    def wrong(self) -> tuple[WrongClaim, ...]:
        """Return the claims that cannot be true beside the key."""
        found: dict[str, WrongClaim] = {}
        for claim in self._affirmed:
            for expected in self._expected:
                reason = self._conflict(claim.concept, expected)
                if reason is None or claim.concept in found or self._is_alternative(claim, expected):
                    continue
                if not _only_a_number(claim, self._support(expected)):
                    found[claim.concept] = WrongClaim(claim.concept, claim.spans, Because(reason, expected))
        return tuple(found.values())

    def supplementary(self) -> tuple[str, ...]:
        """Return what was affirmed beyond the key and does not go against it."""
        wrong = {claim.concept for claim in self.wrong()}
        beyond = [
            claim.concept
            for claim in self._affirmed
            if not any(
                self._conflict(claim.concept, each) and self._is_alternative(claim, each)
                for each in self._expected
            )
        ]
        return tuple(
            concept
            for concept in dict.fromkeys(beyond)
            if concept not in wrong
            and concept not in self._serving
            and not any(concept in self._ontology.ancestors(expected) for expected in self._expected)
        )

    def _is_alternative(self, claim: Claim, expected: str) -> bool:
        """Say whether a claim is a mere possibility left beside what is expected: `FA, flutter possible`."""
        return claim.certainty is Certainty.POSSIBLE and any(
            self._ontology.within(each.concept, expected) for each in self._affirmed
        )

    def _serves(self, concept: str) -> bool:
        return not set(self._expected).isdisjoint(self._ontology.lineage(concept))

    def _support(self, expected: str) -> _Support | None:
        claims = (*self._affirmed, *self._implied)
        supports = [found for claim in claims if (found := self._worth(claim, expected))]
        best = max(supports, key=lambda support: support.credit, default=None)
        if best is not None and best.credit < 1.0 and self._states_both_parts(supports, expected):
            firm = max(supports, key=lambda support: support.claim.confidence)
            return _Support(1.0, Reason.EXACT, _together(firm.claim, supports))
        return best

    def _states_both_parts(self, supports: Sequence[_Support], expected: str) -> bool:
        """Say whether firm, more general claims cover the finding and the place expected together."""
        parts = self._ontology.concept(expected).parts
        firm = [
            each.claim
            for each in supports
            if CERTAINTY_CREDIT[each.claim.certainty] == 1.0 and each.reason is not Reason.IMPLIED
        ]
        return bool(parts) and covered(firm, self._ontology).keys() >= set(parts)

    def _worth(self, claim: Claim, expected: str) -> _Support | None:
        shown = shown_of(expected, self._ontology)
        if claim.concept in {expected, shown}:
            credit, reason = 1.0, Reason.EXACT
        elif not {expected, shown}.isdisjoint(self._ontology.ancestors(claim.concept)):
            credit, reason = 1.0, Reason.MORE_SPECIFIC
        else:
            distance = self._ontology.ancestors(expected).get(claim.concept, 0)
            credit, reason = GENERALITY_CREDIT.get(distance, 0.0), Reason.MORE_GENERAL
        if claim.expression is Expression.IMPLIED:
            if credit == 1.0 and is_named(self._ontology.concept(claim.concept), self._firm, self._ontology):
                return _Support(credit, reason, claim)
            return _Support(credit * IMPLIED_CREDIT, Reason.IMPLIED, claim) if credit else None
        firmness = CERTAINTY_CREDIT.get(claim.certainty, 0.0)
        if not credit * firmness:
            return None
        hedged = firmness < 1.0 and credit == 1.0
        return _Support(credit * firmness, Reason.HEDGED if hedged else reason, claim)

    def _against(self, expected: str, support: _Support | None) -> tuple[Reason, Claim] | None:
        """Return what contradicts an item: its denial, or something firm enough that excludes it."""
        for claim in self._denied:
            if self._ontology.within(expected, claim.concept):
                return Reason.DENIED, claim
        stated = support is not None and support.reason in _DEFENDS
        held = FIRMNESS[support.claim.certainty] if support and stated else 0
        for claim in self._affirmed:
            if (
                self._conflict(claim.concept, expected) is Reason.EXCLUDED
                and FIRMNESS[claim.certainty] >= held
            ):
                hedged_both = support is not None and claim.certainty is Certainty.POSSIBLE
                if not hedged_both and not _only_a_number(claim, support):
                    return Reason.EXCLUDED, claim
        rival = preferred_to(self._reading, expected, self._ontology)
        if rival is None or rival.certainty is Certainty.POSSIBLE:
            return None
        excluded = self._conflict(rival.concept, expected) is Reason.EXCLUDED
        return (Reason.EXCLUDED, rival) if excluded else None

    def _conflict(self, concept: str, expected: str) -> Reason | None:
        if concept in self._serving:
            return None
        if self._ontology.exclude_each_other(concept, expected):
            return Reason.EXCLUDED
        if self._other_place(concept, expected):
            return Reason.OTHER_TERRITORY
        return None

    def _other_place(self, concept: str, expected: str) -> bool:
        """Say whether two concepts are one finding in two territories, neither part of the other."""
        claimed, wanted = self._ontology.concept(concept).parts, self._ontology.concept(expected).parts
        if len(claimed) != 2 or len(wanted) != 2 or claimed[0] != wanted[0]:
            return False
        return claimed[1] not in self._ontology.ancestors(wanted[1])


def _only_a_number(claim: Claim, support: _Support | None) -> bool:
    """Say whether a claim is the reading of a number beside words that state what is expected."""
    return support is not None and claim.method == "measured" != support.claim.method


def _together(claim: Claim, supports: Sequence[_Support]) -> Claim:
    """Return a claim with the places of all that supports it."""
    return replace(claim, spans=tuple(sorted({span for each in supports for span in each.claim.spans})))


def _picked(concept: str) -> Claim:
    return Claim(concept, Polarity.PRESENT, Certainty.ASSERTED, Expression.EXPLICIT, 100.0, (), "picked")


def _graded(
    item: KeyItem, verdict: Verdict, credit: float, spans: tuple[Span, ...], because: Because
) -> GradedItem:
    return GradedItem(item.concept, verdict, credit, item.coefficient, item.role, spans, because)
