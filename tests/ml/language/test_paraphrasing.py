"""Findings described without their names."""

import pytest

from ml.language.matching import EmbeddedMatcher
from ml.language.ontology import Ontology
from ml.language.paraphrasing import PARAPHRASES
from ml.language.types import Certainty, Expression, Polarity


@pytest.mark.parametrize(
    "text, concept",
    [
        ("Les oreillettes battent n'importe comment", "ATRIAL_FIBRILLATION"),
        ("chaque passage est de plus en plus lent, petit à petit", "PROGRESSIVE_PR_PROLONGATION"),
        ("les oreillettes et les ventricules s'ignorent complètement", "AV_DISSOCIATION"),
        ("l'enveloppe du cœur est enflammée", "PERICARDITIS"),
        ("le patient tremble et secoue le tracé", "TREMOR_ARTEFACT"),
        ("the atria are in chaos", "ATRIAL_FIBRILLATION"),
    ],
)
def test_it_is_read_as_a_paraphrase(matcher: EmbeddedMatcher, text: str, concept: str) -> None:
    (claim,) = [each for each in matcher.match(text).claims if each.concept == concept]

    assert (claim.expression, claim.method) == (Expression.PARAPHRASED, "paraphrase")
    assert claim.confidence >= 70


def test_it_can_be_denied_and_doubted(matcher: EmbeddedMatcher) -> None:
    (denied,) = matcher.match("Ce n'est pas l'oreillette qui est chaotique").claims
    (doubted,) = matcher.match("L'oreillette serait-elle chaotique ?").claims

    assert denied.polarity is Polarity.ABSENT
    assert doubted.certainty is Certainty.POSSIBLE


@pytest.mark.parametrize(
    "text",
    [
        "Les oreillettes. Rythme chaotique.",  # two sentences
        "Rythme sinusal régulier à 75/min, onde P devant chaque QRS, PR à 160 ms constant, QRS fins",
        "Trémulation de la ligne de base par le secteur",
    ],
)
def test_ordinary_words_are_no_paraphrase(matcher: EmbeddedMatcher, text: str) -> None:
    assert [claim for claim in matcher.match(text).claims if claim.method == "paraphrase"] == []


def test_what_has_its_name_in_the_text_is_not_read_twice(matcher: EmbeddedMatcher) -> None:
    claims = matcher.match("FA : les oreillettes battent n'importe comment").claims

    assert [claim.method for claim in claims if claim.concept == "ATRIAL_FIBRILLATION"] == ["exact"]


def test_the_patterns_are_sound(ontology: Ontology) -> None:
    """Each speaks of a concept there is, in two to four groups of folded beginnings."""
    assert [concept for concept in PARAPHRASES if concept not in ontology] == []
    patterns = [pattern for listed in PARAPHRASES.values() for pattern in listed]
    words = [word for pattern in patterns for group in pattern for word in group]
    assert [word for word in words if word != word.lower() or not word.isascii()] == []
    assert {len(pattern) for pattern in patterns} <= {1, 2, 3, 4}
