"""The library: find a case, open it, put it away."""

import pytest

from schema.models.cases import Case
from tests.server.pages.conftest import School, Visitor
from tests.server.pages.reading import Page


def names(page: Page) -> set[str]:
    return {name for name in ("Alpha", "Bêta", "Gamma") if name in page.words}


@pytest.fixture
def library(school: School) -> dict[str, str]:
    """Return a draft, a validated and an archived case."""
    ids = {"Alpha": school.draft("Alpha"), "Bêta": school.validated("Bêta"), "Gamma": school.archived()}
    school.change(Case, ids["Gamma"], name="Gamma", search_text="gamma")
    return ids


@pytest.mark.parametrize(
    "asked, shown",
    [
        ("mine=true", {"Alpha", "Bêta", "Gamma"}),
        ("mine=true&search=beta", {"Bêta"}),
        ("mine=true&search=BÊTA&category=&difficulty=&status=", {"Bêta"}),
        ("mine=true&status=DRAFT", {"Alpha"}),
        ("mine=true&status=ARCHIVED", {"Gamma"}),
        ("mine=true&category=INFARCTION", set()),
        ("mine=true&difficulty=BEGINNER", {"Alpha", "Bêta", "Gamma"}),
        ("mine=true&search=%25", set()),
    ],
)
@pytest.mark.usefixtures("library")
def test_cases_are_searched_and_filtered(teacher: Visitor, asked: str, shown: set[str]) -> None:
    page = teacher.get(f"/cases?{asked}")
    assert names(page) == shown
    assert page.headings == ["Library"]
    assert ("mine", "true") in page.form("/cases").fields
    if not shown:
        assert "Import an ECG to make the first one, or widen the filters." in page.words


def test_a_filter_that_does_not_exist_is_no_fault_of_ours(teacher: Visitor) -> None:
    for asked in ("category=HEART", "status=x", "difficulty=4", "after=%00", "before=x"):
        assert teacher.get(f"/cases?{asked}", 400).headings == ["This request cannot be read"]


def test_cases_come_page_by_page_with_their_filters(teacher: Visitor, school: School) -> None:
    for number in range(25):
        school.draft(f"Page {number:02d}")
    first = teacher.get("/cases?search=page&mine=true")
    assert "25 cases" in first.words
    [following] = [link for link in first.links if "after=" in link]
    second = teacher.get(f"/cases{following}")
    assert "Page 00" in second.words
    [back] = [link for link in second.links if "before=" in link]
    assert "Page 24" in teacher.get(f"/cases{back}").words


def test_a_case_is_shown_whole_with_its_history(teacher: Visitor, school: School) -> None:
    case = school.validated("Complet", ["LBBB", "SINUS_RHYTHM"])
    page = teacher.get(f"/cases/{case}")
    assert page.headings == ["Complet"]
    for word in ("Left bundle-branch block", "Sinus rhythm", "Homme de 62 ans.", teacher.name, "1 ECG"):
        assert word in page.words
    assert {f"/builder/{case}/import", f"/builder/session?case={case}"} <= set(page.links)
    changed = school.row(Case, case).updated_at
    assert changed.strftime("%Y") in page.words


def test_an_empty_draft_is_shown_too(teacher: Visitor, school: School) -> None:
    page = teacher.get(f"/cases/{school.draft()}")
    assert "No concept yet." in page.words


def test_a_case_is_archived_and_taken_out_again(teacher: Visitor, school: School) -> None:
    case = school.validated()
    page = teacher.follow(teacher.press(teacher.get(f"/cases/{case}"), f"/cases/{case}/archive"))
    assert page.said("done") == ["The case is archived."]
    assert "Archived" in page.words
    assert f"/builder/{case}/import" not in page.links
    page = teacher.follow(teacher.press(page, f"/cases/{case}/restore"))
    assert page.said("done") == ["The case is a draft again."]
    assert school.row(Case, case).status == "draft"


def test_a_draft_is_deleted_after_one_question(teacher: Visitor, school: School) -> None:
    case = school.draft("À jeter")
    page = teacher.follow(teacher.press(teacher.get(f"/cases/{case}"), f"/cases/{case}/delete"))
    assert page.said("done") == ["The draft is deleted."]
    assert "À jeter" not in page.words
    teacher.get(f"/cases/{case}", 404)
    assert teacher.ask(f"/cases/{case}/delete").status_code == 404


def test_what_cannot_be_deleted_says_why_on_its_own_page(teacher: Visitor, school: School) -> None:
    case = school.validated()
    page = teacher.follow(teacher.ask(f"/cases/{case}/delete"))
    assert page.said("care") == ["Only drafts can be deleted. Archive this case instead."]
    school.session([case])
    teacher.ask(f"/cases/{case}/archive")
    teacher.ask(f"/cases/{case}/restore")
    page = teacher.follow(teacher.ask(f"/cases/{case}/delete"))
    assert page.said("care") == ["A session has this case. Archive it instead of deleting it."]
    assert page.headings == ["Bloc de branche gauche"]


def test_a_message_is_shown_once(teacher: Visitor, school: School) -> None:
    case = school.validated()
    assert teacher.follow(teacher.ask(f"/cases/{case}/archive")).said("done")
    assert teacher.get(f"/cases/{case}").said("done") == []


def test_what_people_write_is_text_and_never_markup(teacher: Visitor, school: School) -> None:
    case = school.draft('<script>alert("1")</script>', 1, ["LBBB"])
    for path in ("/cases", f"/cases/{case}", *(f"/builder/{case}/{step}" for step in ("import", "validate"))):
        assert "<script>alert" not in teacher.get(path).html


def test_htmx_gets_the_library_without_its_frame(teacher: Visitor, school: School) -> None:
    case = school.draft()
    for path in ("/cases", f"/cases/{case}"):
        assert teacher.part(path).headings == teacher.get(path).headings
