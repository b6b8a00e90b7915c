"""A grade put into words, in French or English, from the ontology alone."""

from dataclasses import dataclass

from ml.language.grades import Grade, GradedItem, Reason, Role, Verdict, WrongClaim
from ml.language.ontology import Ontology
from ml.language.types import Language


@dataclass(frozen=True, slots=True)
class Feedback:
    """Sentences for a student: one for each graded item and wrong claim, in the grade's order.

    A sentence does not repeat the concept it is about: it is shown beside its name.
    """

    items: tuple[str, ...]
    wrong: tuple[str, ...]
    summary: str


_ITEMS: dict[Reason, tuple[str, str]] = {
    Reason.EXACT: ("Vous l’avez trouvé.", "You found it."),
    Reason.MORE_SPECIFIC: (
        "Vous l’avez trouvé, sous une forme plus précise : « {claimed} ».",
        "You found it, in a more specific form: “{claimed}”.",
    ),
    Reason.MORE_GENERAL: (
        "Vous avez écrit « {claimed} » : c’est juste, mais moins précis que ce qui est attendu.",
        "You wrote “{claimed}”: this is right, but less specific than expected.",
    ),
    Reason.HEDGED: (
        "Vous l’avez évoqué comme une possibilité ; la réponse attendue l’affirme.",
        "You mentioned it as a possibility; the expected answer affirms it.",
    ),
    Reason.IMPLIED: (
        "Vous en avez décrit les signes sans le conclure.",
        "You described its signs without drawing the conclusion.",
    ),
    Reason.NOT_STATED: (
        "Votre réponse n’en parle pas.",
        "Your answer does not mention it.",
    ),
    Reason.DENIED: (
        "Votre réponse écarte « {claimed} », alors que c’est attendu pour ce cas.",
        "Your answer denies “{claimed}”, which is expected for this case.",
    ),
    Reason.EXCLUDED: (
        "Votre réponse affirme « {claimed} », ce qui est incompatible.",
        "Your answer states “{claimed}”, which is incompatible with it.",
    ),
}
_WRONG: dict[Reason, tuple[str, str]] = {
    Reason.EXCLUDED: (
        "Ce n’est pas compatible avec « {expected} », attendu pour ce cas.",
        "This is not compatible with “{expected}”, expected for this case.",
    ),
    Reason.OTHER_TERRITORY: (
        "Le territoire attendu est celui de « {expected} ».",
        "The expected territory is that of “{expected}”.",
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
    claimed = ontology.concept(item.because.concept or item.concept).label(language)
    return _spaced(_chosen(_ITEMS[item.because.reason], language).format(claimed=claimed), language)


def _wrong(claim: WrongClaim, ontology: Ontology, language: Language) -> str:
    expected = ontology.concept(claim.because.concept or claim.concept).label(language)
    return _spaced(_chosen(_WRONG[claim.because.reason], language).format(expected=expected), language)


def _summary(grade: Grade, language: Language) -> str:
    scored = [item for item in grade.items if item.role is Role.SCORED]
    found = sum(item.verdict is Verdict.FOUND for item in scored)
    partial = sum(item.verdict is Verdict.PARTIAL for item in scored)
    sentence = _chosen(
        (
            "{score} sur 100 : {found} trouvé{plural} sur {total}{partly}.",
            "{score} out of 100: {found} of {total} found{partly}.",
        ),
        language,
    )
    partly = _chosen((", {n} en partie", ", {n} in part"), language).format(n=partial) if partial else ""
    said = sentence.format(
        score=_number(grade.score, language),
        found=found,
        plural="s" if found > 1 else "",
        total=len(scored),
        partly=partly,
    )
    return _spaced(said, language)


def _spaced(sentence: str, language: Language) -> str:
    """Return a French sentence with the spaces that hold its marks on their line."""
    if language != "fr":
        return sentence
    for mark in (";", "!", "?"):
        sentence = sentence.replace(f" {mark}", f"\u202f{mark}")
    return sentence.replace(" :", "\u00a0:").replace("« ", "«\u00a0").replace(" »", "\u00a0»")


def _number(score: float, language: Language) -> str:
    text = f"{score:g}"
    return text.replace(".", ",") if language == "fr" else text


def _chosen(pair: tuple[str, str], language: Language) -> str:
    return pair[0] if language == "fr" else pair[1]
