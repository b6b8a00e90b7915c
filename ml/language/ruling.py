"""What teachers decide on single concepts of a mark, applied to the automatic mark.

The rules, version 1
--------------------
A ruling says what the answer truly says about one concept of its mark. Of something expected: *found* (1),
*partial* (`PARTIAL_CREDIT`), *missed* or *contradicted* (0). Of something stated beyond the key: *wrong*,
*extra* (it costs nothing), or *withdrawn* (the answer does not state it). A ruling that agrees with the
automatic mark leaves the credit as it was; in any case a ruled concept has `Reason.RULED`. The text that
decided stays with an item only where it still bears the verdict out.

What a ruling on one concept entails for others, unless they are ruled on themselves: what contradicted an
item that is ruled found or partial is no longer wrong but extra; an item that was contradicted by a claim no
longer wrong is missed. Findings that name a withdrawn concept are gone. Where anything has changed, the
judgement of the answer as a whole is not known any more. A ruling on what the mark does not hold, or of the
other kind, does nothing, so that rulings outlive a new automatic mark.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from ml.language.grading import Because, Grade, GradedItem, Reason, Verdict, WrongClaim, score_of

PARTIAL_CREDIT = 0.5


class RuledVerdict(StrEnum):
    """What an answer says about a concept: the first four of what is expected, the others of a claim."""

    FOUND = "found"
    PARTIAL = "partial"
    MISSED = "missed"
    CONTRADICTED = "contradicted"
    WITHDRAWN = "withdrawn"
    EXTRA = "extra"
    WRONG = "wrong"


OF_AN_ITEM = (RuledVerdict.FOUND, RuledVerdict.PARTIAL, RuledVerdict.MISSED, RuledVerdict.CONTRADICTED)
OF_A_CLAIM = (RuledVerdict.WITHDRAWN, RuledVerdict.EXTRA, RuledVerdict.WRONG)
"""What may be ruled, the most favourable first."""
_CREDIT = {RuledVerdict.FOUND: 1.0, RuledVerdict.PARTIAL: PARTIAL_CREDIT}
_CLEARED = frozenset({RuledVerdict.EXTRA, RuledVerdict.WITHDRAWN})

Rulings = Mapping[str, RuledVerdict]


def verdict_on(grade: Grade, concept: str) -> RuledVerdict | None:
    """Return what a mark says about a concept; None where it says nothing."""
    for item in grade.items:
        if item.concept == concept:
            return RuledVerdict(item.verdict.value)
    if any(claim.concept == concept for claim in grade.wrong):
        return RuledVerdict.WRONG
    return RuledVerdict.EXTRA if concept in grade.supplementary else None


def choices(verdict: RuledVerdict) -> tuple[RuledVerdict, ...]:
    """Return what may be ruled where a mark says this, the most favourable first."""
    return OF_AN_ITEM if verdict in OF_AN_ITEM else OF_A_CLAIM


def favours(ruling: RuledVerdict, automatic: RuledVerdict) -> bool:
    """Return whether a ruling is more favourable to the student than the automatic mark."""
    order = choices(automatic)
    return order.index(ruling) < order.index(automatic)


def ruled(grade: Grade, rulings: Rulings) -> Grade:
    """Return a mark as teachers' rulings on its concepts make it; the same again when applied twice.

    Parameters
    ----------
    grade
        The automatic mark.
    rulings
        By concept.

    Examples
    --------
    Of two items of weight 1, one found and one missed, the second ruled partial: (1 + 0.5) / 2 is 75.
    """
    applied = {
        concept: ruling
        for concept, ruling in rulings.items()
        if (said := verdict_on(grade, concept)) is not None and ruling in choices(said)
    }
    if not applied:
        return grade
    claims = _claims(grade, applied)
    items = tuple(_item(item, applied.get(item.concept), claims) for item in grade.items)
    reasons = {claim.concept: claim for claim in grade.wrong}
    wrong = tuple(
        WrongClaim(
            concept,
            reasons[concept].spans if concept in reasons else (),
            Because(Reason.RULED) if concept in applied else reasons[concept].because,
        )
        for concept, said in claims.items()
        if said is RuledVerdict.WRONG
    )
    changed = any(ruling is not verdict_on(grade, concept) for concept, ruling in applied.items())
    return replace(
        grade,
        score=score_of(items),
        items=items,
        wrong=wrong,
        supplementary=tuple(concept for concept, said in claims.items() if said is RuledVerdict.EXTRA),
        judgment=None if changed else grade.judgment,
        findings=tuple(
            finding
            for finding in grade.findings
            if all(claims.get(concept) is not RuledVerdict.WITHDRAWN for concept in finding.concepts)
        ),
    )


def _claims(grade: Grade, rulings: Rulings) -> dict[str, RuledVerdict]:
    """Return what each concept beyond the key comes to."""
    claims = {claim.concept: RuledVerdict.WRONG for claim in grade.wrong}
    claims |= dict.fromkeys(grade.supplementary, RuledVerdict.EXTRA)
    upheld = {
        item.because.concept
        for item in grade.items
        if item.verdict is Verdict.CONTRADICTED and rulings.get(item.concept) in _CREDIT
    }
    return {
        concept: rulings.get(concept, RuledVerdict.EXTRA if concept in upheld else said)
        for concept, said in claims.items()
    }


def _item(item: GradedItem, ruling: RuledVerdict | None, claims: Rulings) -> GradedItem:
    if ruling is None:
        if item.because.reason is Reason.EXCLUDED and claims.get(item.because.concept or "") in _CLEARED:
            return replace(item, verdict=Verdict.MISSED, spans=(), because=Because(Reason.NOT_STATED))
        return item
    if ruling.value == item.verdict.value:
        return replace(item, because=Because(Reason.RULED, item.because.concept))
    return replace(
        item,
        verdict=Verdict(ruling.value),
        credit=_CREDIT.get(ruling, 0.0),
        spans=item.spans if item.credit and ruling in _CREDIT else (),
        because=Because(Reason.RULED),
    )
