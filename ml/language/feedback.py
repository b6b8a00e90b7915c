"""A grade put into words, in French or English, from the ontology alone."""

from dataclasses import dataclass

from ml.language.grades import Grade, GradedItem, Reason, Role, Verdict, WrongClaim
from ml.language.judging import Judgment
from ml.language.ontology import Ontology
from ml.language.types import Finding, FindingKind, Language


@dataclass(frozen=True, slots=True)
class Feedback:
    """Sentences for a student: one for each graded item, wrong claim and finding, in the grade's order.

    A sentence on an item or a claim does not repeat the concept it is about: it is shown beside its name.
    One on a finding is empty where the answer does well: rivals that are ranked or left open.
    """

    items: tuple[str, ...]
    wrong: tuple[str, ...]
    findings: tuple[str, ...]
    judgment: str
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
    Reason.RULED: ("Décision d’un enseignant.", "Ruled by a teacher."),
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
    Reason.RULED: ("Décision d’un enseignant.", "Ruled by a teacher."),
}
_FINDINGS: dict[FindingKind, tuple[str, str]] = {
    FindingKind.CONTRADICTION: (
        "« {first} » et « {last} » ne peuvent pas être vrais du même tracé.",
        "“{first}” and “{last}” cannot both be true of one tracing.",
    ),
    FindingKind.POLARITY_CONFLICT: (
        "Votre réponse affirme « {first} » et l’écarte aussi.",
        "Your answer states “{first}” and denies it as well.",
    ),
    FindingKind.MEASUREMENT_CONFLICT: (
        "La valeur que vous donnez ne s’accorde pas avec « {last} ».",
        "The value you give does not agree with “{last}”.",
    ),
    FindingKind.INTERNAL_ERROR: (
        "« {first} » s’accorde mal avec « {last} » : relisez l’un des deux.",
        "“{first}” does not fit “{last}”: look at one of them again.",
    ),
    FindingKind.UNSUPPORTED_DIAGNOSIS: (
        "« {first} » est un diagnostic grave : citez les signes qui l’appuient.",
        "“{first}” is a grave diagnosis: give the signs that support it.",
    ),
}
_JUDGMENTS: dict[Judgment, tuple[str, str]] = {
    Judgment.EXPLICIT_CORRECT: ("Diagnostic posé.", "Diagnosis made."),
    Judgment.PARAPHRASED: ("Diagnostic posé en d’autres mots.", "Diagnosis made in other words."),
    Judgment.IMPLICIT_COMPLETE: (
        "Signes complets, diagnostic non nommé.",
        "All the signs, the diagnosis not named.",
    ),
    Judgment.IMPLICIT_PARTIAL: ("Description partielle.", "Partial description."),
    Judgment.INSUFFICIENT: ("Trop peu pour juger.", "Too little to judge."),
    Judgment.INTERNAL_ERROR: (
        "Diagnostic posé, avec une erreur dans la description.",
        "Diagnosis made, with an error in the description.",
    ),
    Judgment.CONTRADICTION: ("Conclusions contradictoires.", "Contradictory conclusions."),
    Judgment.POLARITY_CONFLICT: (
        "Un même élément est affirmé et écarté.",
        "The same thing is stated and denied.",
    ),
    Judgment.MEASUREMENT_CONFLICT: (
        "Une mesure et son interprétation se contredisent.",
        "A measurement and its interpretation disagree.",
    ),
    Judgment.UNSUPPORTED_CRITICAL: (
        "Diagnostic grave erroné, sans signe à l’appui.",
        "Wrong grave diagnosis, with no sign for it.",
    ),
    Judgment.WRONG_DIAGNOSIS: ("Autre diagnostic que celui attendu.", "Another diagnosis than expected."),
    Judgment.HEDGED_CORRECT: ("Diagnostic seulement évoqué.", "Diagnosis only suggested."),
    Judgment.RANKED_CORRECT: (
        "Diagnostic retenu parmi d’autres, hiérarchisés.",
        "Diagnosis ranked above the others.",
    ),
    Judgment.APPROPRIATE_UNCERTAINTY: (
        "Diagnostic probable, incertitude dite.",
        "Diagnosis held likely, the uncertainty said.",
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
        findings=tuple(_finding(finding, ontology, language) for finding in grade.findings),
        judgment=_worded(_JUDGMENTS[grade.judgment], language) if grade.judgment else "",
        summary=_summary(grade, language),
    )


def _item(item: GradedItem, ontology: Ontology, language: Language) -> str:
    claimed = ontology.concept(item.because.concept or item.concept).label(language)
    return _worded(_ITEMS[item.because.reason], language, claimed=claimed)


_NO_MARK = (
    "Pas de note : le corrigé n’a plus de concept noté.",
    "No mark: the key has no scored concept left.",
)


def _wrong(claim: WrongClaim, ontology: Ontology, language: Language) -> str:
    expected = ontology.concept(claim.because.concept or claim.concept).label(language)
    return _worded(_WRONG[claim.because.reason], language, expected=expected)


def _finding(finding: Finding, ontology: Ontology, language: Language) -> str:
    pair = _FINDINGS.get(finding.kind)
    if pair is None:
        return ""
    named = [ontology.concept(concept).label(language) for concept in finding.concepts]
    return _worded(pair, language, first=named[0], last=named[-1])


def _summary(grade: Grade, language: Language) -> str:
    if grade.score is None:
        return _worded(_NO_MARK, language)
    scored = [item for item in grade.items if item.role is Role.SCORED]
    found = sum(item.verdict is Verdict.FOUND for item in scored)
    partial = sum(item.verdict is Verdict.PARTIAL for item in scored)
    return _worded(
        (
            "{score} sur 100 : {found} trouvé{plural} sur {total}{partly}.",
            "{score} out of 100: {found} of {total} found{partly}.",
        ),
        language,
        score=_number(grade.score, language),
        found=found,
        plural="s" if found > 1 else "",
        total=len(scored),
        partly=_worded((", {n} en partie", ", {n} in part"), language, n=partial) if partial else "",
    )


def _worded(pair: tuple[str, str], language: Language, **named: object) -> str:
    """Return the sentence of a language with what it names filled in."""
    return _spaced(pair[0 if language == "fr" else 1].format(**named), language)


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
