"""A grade put into words, in French or English, from the ontology alone."""

from dataclasses import dataclass

from ml.language.grades import Grade, GradedItem, Reason, Role, Verdict, WrongClaim
from ml.language.ontology import Ontology
from ml.language.types import Language


@dataclass(frozen=True, slots=True)
class Feedback:
    """Sentences for a student: one for each graded item and wrong claim, in the grade's order."""

    items: tuple[str, ...]
    wrong: tuple[str, ...]
    summary: str


_ITEMS: dict[Reason, tuple[str, str]] = {
    Reason.EXACT: ("{expected} : vous l'avez trouvé.", "{expected}: you found it."),
    Reason.MORE_SPECIFIC: (
        "{expected} : vous l'avez trouvé, sous une forme plus précise ({claimed}).",
        "{expected}: you found it, in a more specific form ({claimed}).",
    ),
    Reason.MORE_GENERAL: (
        "{expected} : vous avez écrit « {claimed} », ce qui est juste mais moins précis.",
        "{expected}: you wrote “{claimed}”, which is right but less specific.",
    ),
    Reason.HEDGED: (
        "{expected} : vous l'avez évoqué comme une possibilité ; le tracé permet de l'affirmer.",
        "{expected}: you mentioned it as a possibility; the tracing allows you to affirm it.",
    ),
    Reason.NOT_STATED: (
        "{expected} : votre réponse n'en parle pas.",
        "{expected}: your answer does not mention it.",
    ),
    Reason.DENIED: (
        "{expected} : votre réponse dit le contraire, elle écarte « {claimed} ».",
        "{expected}: your answer says the opposite, it denies “{claimed}”.",
    ),
    Reason.EXCLUDED: (
        "{expected} : votre réponse affirme « {claimed} », qui est incompatible.",
        "{expected}: your answer states “{claimed}”, which is incompatible with it.",
    ),
}
_WRONG: dict[Reason, tuple[str, str]] = {
    Reason.EXCLUDED: (
        "{claimed} : ce n'est pas compatible avec « {expected} », attendu pour ce cas.",
        "{claimed}: this is not compatible with “{expected}”, expected for this case.",
    ),
    Reason.OTHER_TERRITORY: (
        "{claimed} : le territoire attendu est celui de « {expected} ».",
        "{claimed}: the expected territory is that of “{expected}”.",
    ),
}


def feedback(grade: Grade, ontology: Ontology, language: Language = "fr") -> Feedback:
    """Put a grade into plain sentences, with no language model.

    Raises
    ------
    KeyError
        When the grade names a concept this ontology does not have.
    """
    return Feedback(
        items=tuple(_item(item, ontology, language) for item in grade.items),
        wrong=tuple(_wrong(claim, ontology, language) for claim in grade.wrong),
        summary=_summary(grade, language),
    )


def _item(item: GradedItem, ontology: Ontology, language: Language) -> str:
    expected = ontology.concept(item.concept).label(language)
    claimed = ontology.concept(item.because.concept or item.concept).label(language)
    return _chosen(_ITEMS[item.because.reason], language).format(expected=expected, claimed=claimed)


def _wrong(claim: WrongClaim, ontology: Ontology, language: Language) -> str:
    expected = ontology.concept(claim.because.concept or claim.concept).label(language)
    claimed = ontology.concept(claim.concept).label(language)
    return _chosen(_WRONG[claim.because.reason], language).format(expected=expected, claimed=claimed)


def _summary(grade: Grade, language: Language) -> str:
    scored = [item for item in grade.items if item.role is Role.SCORED]
    found = sum(item.verdict is Verdict.FOUND for item in scored)
    partial = sum(item.verdict is Verdict.PARTIAL for item in scored)
    sentence = _chosen(
        (
            "{score} sur 100 : {found} sur {total} éléments notés trouvés, {partial} en partie.",
            "{score} out of 100: {found} of {total} scored items found, {partial} in part.",
        ),
        language,
    )
    return sentence.format(
        score=_number(grade.score, language), found=found, total=len(scored), partial=partial
    )


def _number(score: float, language: Language) -> str:
    text = f"{score:g}"
    return text.replace(".", ",") if language == "fr" else text


def _chosen(pair: tuple[str, str], language: Language) -> str:
    return pair[0] if language == "fr" else pair[1]
