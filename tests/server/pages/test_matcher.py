"""What the cache saves and the model costs, and experts who say who reads rightly."""

import pytest

from ml.language.types import Consultation, Dispute, Polarity, Reading
from schema.models.disagreements import Disagreement, TextOrigin
from schema.policy import Role
from schema.services.disagreements import DisagreementJournal
from schema.types.base import global_id
from tests.server.pages.conftest import Meet, School, Visitor


@pytest.fixture
def noted(school: School) -> str:
    """Return the id of a disagreement."""
    services = school.services
    journal = DisagreementJournal(
        services.database, services.clock, TextOrigin.DESCRIPTION, services.passwords
    )
    dispute = Dispute("LBBB", Polarity.PRESENT, None, "BBG <b>complet</b> chez M. _____")
    text = f"text {school.count(Disagreement)}"
    journal.keep(text, Reading(source="model", consultation=Consultation(disputes=(dispute,))))
    row = max(school.rows(Disagreement), key=lambda each: each.id)
    return global_id("MatcherDisagreement", row.id)


def test_a_teacher_sees_the_figures_and_no_disagreement(teacher: Visitor, noted: str) -> None:
    page = teacher.get("/matcher")
    assert "Seconds saved" in page.words
    assert noted not in page.html
    assert teacher.ask("/matcher", {"id": noted, "verdict": "RULES"}).status_code == 303


def test_the_library_shows_what_the_cache_saves(teacher: Visitor) -> None:
    page = teacher.get("/cases")
    assert "Euros saved" in page.words
    assert "/matcher" in page.links


@pytest.mark.parametrize("role", [Role.EXPERT, Role.ADMIN])
def test_an_expert_reads_the_masked_sentence_and_settles(
    meet: Meet, school: School, noted: str, role: Role
) -> None:
    expert = meet(role)
    page = expert.get("/matcher")
    assert "BBG &lt;b&gt;complet&lt;/b&gt; chez M. _____" in page.html
    assert expert.leads("/matcher", {"id": noted, "verdict": "MODEL"}) == "/matcher"
    assert noted not in expert.get("/matcher").html
    assert noted in expert.get("/matcher?show=settled").html
    assert school.row(Disagreement, noted).verdict == "model"


def test_a_refused_word_changes_nothing_and_says_why(meet: Meet, school: School, noted: str) -> None:
    expert = meet(Role.EXPERT)
    assert expert.leads("/matcher", {"id": noted, "verdict": "BOTH"}) == "/matcher"
    assert expert.ask("/matcher", {"id": "x", "verdict": "RULES"}).status_code == 404
    assert school.row(Disagreement, noted).verdict is None
