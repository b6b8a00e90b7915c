"""Live parts of pages are for those who may see the page."""

from schema.policy import Role
from server.pages.live import REFUSED
from tests.server.pages.conftest import Meet, School, Visitor


def test_a_session_is_followed_by_nobody_else(meet: Meet, student: Visitor, school: School) -> None:
    session = school.session()
    for visitor in (meet(), student, meet(Role.TEACHER)):
        assert visitor.browser.get(f"/sessions/{session}/live").text == REFUSED


def test_the_figures_are_followed_by_authors_only(meet: Meet, student: Visitor) -> None:
    for visitor in (meet(), student, meet(Role.CLINICIAN)):
        assert visitor.browser.get("/statistics/live?after=²").text == REFUSED
