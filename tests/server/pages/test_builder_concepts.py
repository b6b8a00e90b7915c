"""The builder's second step: what the description says, what is picked by hand, how much it weighs."""

import re

import pytest

from schema.models.cases import Annotation, Case
from tests.server.pages.conftest import School, Visitor, key_of
from tests.server.pages.reading import Page


def test_a_description_proposes_concepts_that_are_added_one_by_one_or_all(
    teacher: Visitor, school: School
) -> None:
    case = school.draft(recordings=1)
    annotate, kept = f"/builder/{case}/annotate", f"/builder/{case}/annotations"
    page = teacher.get(annotate)
    assert "Proposed" not in page.words
    described = teacher.press(
        page,
        kept,
        ("find", "1"),
        draftText="BAV du 2e degré Mobitz 1, axe normal, pas de fibrillation atriale",
    )
    assert described.headers["location"] == f"{annotate}#proposed"
    page = teacher.follow(described)
    proposed = [button for button in page.form(kept).buttons if button[0] == "add"]
    assert len(proposed) >= 2
    assert "Also read, not proposed" in page.words
    added = teacher.press(page, kept, proposed[0])
    assert added.headers["location"] == f"{annotate}#proposed"
    page = teacher.follow(added)
    assert school.count(Annotation, case_id=key_of(case)) == 1
    assert "Added" in page.words
    if ("all", "proposed") in page.form(kept).buttons:
        everything = teacher.press(page, kept, ("all", "proposed"))
        assert everything.headers["location"] == f"{annotate}#kept"
    else:
        teacher.press(page, kept, proposed[1])
    assert school.count(Annotation, case_id=key_of(case)) == len(proposed)
    assert school.count(Annotation, case_id=key_of(case), type="matched") == len(proposed)


def test_a_concept_named_by_more_parts_than_we_write_leads_back_to_the_page(
    teacher: Visitor, school: School
) -> None:
    case = school.draft(recordings=1)
    sent = {"all": "proposed", "proposed": "SINUS_RHYTHM:100", "add": "a:b:c:d"}
    where = teacher.leads(f"/builder/{case}/annotations", sent)
    assert where.startswith(f"/builder/{case}/annotate")


def test_a_text_that_says_nothing_known_is_answered_too(teacher: Visitor, school: School) -> None:
    case = school.draft(recordings=1)
    page = teacher.get(f"/builder/{case}/annotate")
    page = teacher.follow(
        teacher.press(page, f"/builder/{case}/annotations", ("find", "1"), draftText="Zut alors")
    )
    assert "No concept was recognised with enough confidence." in page.words


def test_a_description_that_is_too_long_or_stale_is_refused_with_what_was_typed(
    teacher: Visitor, school: School
) -> None:
    case = school.draft(recordings=1)
    stale = teacher.get(f"/builder/{case}/annotate")
    describe = f"/builder/{case}/annotations"
    long = Page(teacher.press(stale, describe, draftText="a " * 10_001).text)
    assert long.error("draftText") == "Error: At most 20000 characters."
    teacher.press(stale, describe, draftText="Rythme sinusal")
    answer = teacher.press(stale, describe, draftText="Flutter")
    assert answer.status_code == 409
    assert Page(answer.text).values["draftText"] == "Flutter"


def test_a_concept_is_picked_by_category_or_search_with_its_weight(teacher: Visitor, school: School) -> None:
    case = school.draft(recordings=1)
    shelf = teacher.get(f"/builder/{case}/annotate?category=CONDUCTION")
    assert "Left bundle-branch block" in shelf.words
    page = teacher.get(f"/builder/{case}/annotate?category=&search=left+bundle+branch+block")
    action = f"/builder/{case}/annotations?search=left+bundle+branch+block"
    added = teacher.press(page, action, ("add", "LBBB"), coefficient="0.8")
    assert added.headers["location"].endswith("/annotate?search=left+bundle+branch+block#pick")
    [row] = school.rows(Annotation, case_id=key_of(case))
    assert (row.concept_id, row.coefficient, row.type) == ("LBBB", 0.8, "picked")
    assert "No concept found" in teacher.get(f"/builder/{case}/annotate?search=zzzzzzzz").words


@pytest.mark.parametrize("address", ["?category=HEART", "?category=RATE&search=" + "x" * 3000])
def test_a_shelf_that_does_not_exist_is_no_fault_of_ours(
    teacher: Visitor, school: School, address: str
) -> None:
    case = school.draft(recordings=1)
    assert teacher.browser.get(f"/builder/{case}/annotate{address}").status_code in {200, 400}


def test_weights_and_roles_are_saved_and_a_concept_removed(teacher: Visitor, school: School) -> None:
    case = school.draft(recordings=1, concepts=["LBBB", "SINUS_RHYTHM"])
    kept = f"/builder/{case}/annotations"
    page = teacher.get(f"/builder/{case}/annotate")
    first, second = (name for name in page.values if name.startswith("coefficient_"))
    role = second.replace("coefficient", "role")
    teacher.press(page, kept, **{first: "0,65", role: "DESCRIPTIVE"})
    page = teacher.get(f"/builder/{case}/annotate")
    assert (page.values[first], page.values[role]) == ("0.65", "DESCRIPTIVE")
    remove = ("remove", first.removeprefix("coefficient_"))
    page = teacher.follow(teacher.press(page, kept, remove))
    assert [name for name in page.values if name.startswith("coefficient_")] == [second]


@pytest.mark.parametrize(
    "typed, said",
    [
        ("abc", "Give a number."),
        ("", "Give a number."),
        ("nan", "Give a number."),
        ("inf", "Give a number."),
        ("0.4", "Choose a value between 0.5 and 1."),
        ("-1", "Choose a value between 0.5 and 1."),
        ("7", "Choose a value between 0.5 and 1."),
    ],
)
def test_a_weight_that_cannot_be_stays_beside_its_field_and_the_others_are_saved(
    teacher: Visitor, school: School, typed: str, said: str
) -> None:
    case = school.draft(recordings=1, concepts=["LBBB", "SINUS_RHYTHM"])
    page = teacher.get(f"/builder/{case}/annotate")
    first, second = (name for name in page.values if name.startswith("coefficient_"))
    answer = teacher.press(page, f"/builder/{case}/annotations", **{first: typed, second: "0.7"})
    assert answer.status_code == 422
    again = Page(answer.text)
    assert again.error(first) == f"Error: {said}"
    assert again.values[first] == typed
    assert f"#{first}" in again.links
    assert again.faults() == []
    assert teacher.get(f"/builder/{case}/annotate").values[second] == "0.7"


PRESSED = {
    "go": "validate",
    "add": "SINUS_RHYTHM",
    "all": "proposed",
    "look": "1",
    "find": "1",
}


@pytest.mark.parametrize("pressed", [*PRESSED, "remove", ""])
def test_the_description_the_weights_and_the_roles_are_kept_whatever_is_pressed(
    teacher: Visitor, school: School, pressed: str
) -> None:
    case = school.draft(recordings=1, concepts=["LBBB", "ATRIAL_FIBRILLATION", "AV_BLOCK_1"])
    action = f"/builder/{case}/annotations"
    page = teacher.get(f"/builder/{case}/annotate")
    first, second, third = (name for name in page.values if name.startswith("coefficient_"))
    typed = {first: "0.6", second.replace("coefficient", "role"): "DESCRIPTIVE"}
    typed |= {"draftText": "Axe gauche\r\nau repos", "search": "sinusal"}
    value = third.removeprefix("coefficient_") if pressed == "remove" else PRESSED.get(pressed, "1")
    sent = dict(page.form(action).fields) | typed | ({pressed: value} if pressed else {})
    led = teacher.leads(action, sent)
    assert school.row(Case, case).draft_text == "Axe gauche\nau repos"
    rows = school.rows(Annotation, case_id=key_of(case))
    assert (rows[0].coefficient, rows[1].role) == (0.6, "descriptive")
    assert len(rows) == 3 + (pressed == "add") - (pressed == "remove")
    there = f"/builder/{case}/validate" if pressed == "go" else f"/builder/{case}/annotate?search=sinusal#"
    assert led.startswith(there)


def test_on_the_way_to_validation_or_back_a_wrong_weight_holds_one_there(
    teacher: Visitor, school: School
) -> None:
    case = school.draft(recordings=1, concepts=["LBBB"])
    action = f"/builder/{case}/annotations"
    page = teacher.get(f"/builder/{case}/annotate")
    assert f"/builder/{case}/validate" not in re.findall('class="button[^>]*href="([^"]*)"', page.html)
    [weight] = [name for name in page.values if name.startswith("coefficient_")]
    for step in ("validate", "import"):
        answer = teacher.press(page, action, ("go", step), **{weight: "3", "draftText": f"Vu {step}"})
        again = Page(answer.text)
        assert again.error(weight) == "Error: Choose a value between 0.5 and 1."
        assert again.faults() == []
        assert school.row(Case, case).draft_text == f"Vu {step}"
        page = teacher.get(f"/builder/{case}/annotate")


def test_enter_in_the_search_shows_what_was_searched_for(teacher: Visitor, school: School) -> None:
    case = school.draft(recordings=1, concepts=["LBBB"])
    page = teacher.get(f"/builder/{case}/annotate")
    answer = teacher.press(page, f"/builder/{case}/annotations", search="flutter")
    assert answer.headers["location"] == f"/builder/{case}/annotate?search=flutter#pick"
    assert "Atrial flutter" in teacher.follow(answer).words


@pytest.mark.parametrize(
    "form, status",
    [
        ({"add": "NO_SUCH"}, 422),
        ({"add": "LBBB:500"}, 422),
        ({"add": "LBBB:high"}, 400),
        ({"add": "LBBB", "coefficient": "9"}, 422),
        ({"add": "LBBB", "coefficient": "much"}, 400),
        ({"add": "LBBB:90:BOSS"}, 400),
        ({"remove": "x"}, 404),
    ],
)
def test_a_concept_that_cannot_be_added_is_refused(
    teacher: Visitor, school: School, form: dict[str, str], status: int
) -> None:
    case = school.draft(recordings=1)
    teacher.post(f"/builder/{case}/annotations", form, status)
    assert school.count(Annotation, case_id=key_of(case)) == 0


def test_adding_nothing_or_what_is_there_changes_nothing(teacher: Visitor, school: School) -> None:
    case = school.draft(recordings=1, concepts=["LBBB"])
    before = school.row(Case, case).revision
    teacher.leads(f"/builder/{case}/annotations", {"all": "proposed"})
    teacher.leads(f"/builder/{case}/annotations", {"add": "LBBB"})
    assert school.row(Case, case).revision == before


def test_the_last_scored_concept_of_a_validated_case_stays(teacher: Visitor, school: School) -> None:
    case = school.validated()
    page = teacher.get(f"/builder/{case}/annotate")
    [remove] = [button for form in page.forms for button in form.buttons if button[0] == "remove"]
    answer = teacher.press(page, f"/builder/{case}/annotations", remove)
    assert answer.status_code == 403
    assert "This case is validated" in Page(answer.text).said("care")[0]
