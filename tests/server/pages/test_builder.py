"""The builder's first step: files become recordings, named and in order; what the case is."""

import re

import pytest

from schema.models.cases import Case, Recording
from server.demo import demo_ecg
from tests.server.pages.conftest import School, Visitor, key_of, png
from tests.server.pages.reading import Page

Sent = tuple[str, tuple[str, bytes]]
PICTURE: Sent = ("files", ("ecg.png", png()))
OTHER: Sent = ("files", ("suivi.png", png(shade=90)))
TEXT: Sent = ("files", ("letter.png", b"Dear colleague"))
WAVEFORM: Sent = ("files", ("ecg.dcm", demo_ecg().read_bytes()))


def labels(school: School, case: str) -> list[str]:
    """Return the labels of a case's recordings in order."""
    return [row.label for row in school.rows(Recording, case_id=key_of(case))]


def only_case(page: Page) -> str:
    """Return the case whose recordings a page offers to arrange."""
    [action] = [form.action for form in page.forms if form.action.endswith("/import")]
    return action.split("/")[2]


def test_who_has_no_draft_starts_with_an_empty_builder(teacher: Visitor) -> None:
    page = teacher.get("/builder")
    assert page.headings == ["Import the ECGs of a case"]
    assert "Drafts in progress" not in page.words


def test_who_returns_goes_on_where_they_left(teacher: Visitor, school: School) -> None:
    empty = school.draft()
    assert teacher.browser.get("/builder").headers["location"] == f"/builder/{empty}/import"
    begun = school.draft(recordings=1)
    assert teacher.browser.get("/builder").headers["location"] == f"/builder/{begun}/annotate"
    page = teacher.get("/builder/new")
    assert {f"/builder/{empty}/import", f"/builder/{begun}/annotate"} < set(page.links)


def test_a_new_case_in_the_menu_is_another_one_or_the_draft_as_one_chooses(
    teacher: Visitor, school: School
) -> None:
    assert "Resume" not in teacher.get("/builder/new").words
    begun = school.draft(recordings=1)
    for address in ("/", "/cases"):
        menu = teacher.get(address)
        assert "/builder/new" in menu.links
        assert "/builder" not in menu.links
    page = teacher.get("/builder/new")
    assert page.headings[0] == "Import the ECGs of a case"
    assert re.search("Resume “.+” or begin another case:", page.words)
    assert page.links.count(f"/builder/{begun}/annotate") == 2
    assert "/builder/new" in [form.action for form in page.forms]
    for address in ("/builder/new", f"/builder/{begun}/annotate"):
        html = teacher.get(address).html
        assert '<a href="/builder/new" aria-current="page">' in html


def test_pictures_and_waveforms_become_a_draft(teacher: Visitor, school: School) -> None:
    answer = teacher.ask("/builder/new", files=[PICTURE, WAVEFORM])
    page = teacher.follow(answer)
    assert page.said("done") == ["2 ECGs were added."]
    assert "Image of unknown scale" in page.words
    assert "25 mm/s · 10 mm/mV" in page.words
    assert labels(school, answer.headers["location"].split("/")[2]) == ["ECG_01", "ECG_02"]


def test_the_demonstration_ecg_is_one_button(teacher: Visitor) -> None:
    start = teacher.get("/builder/new")
    page = teacher.follow(teacher.press(start, "/builder/new", ("demo", "1")))
    assert page.said("done") == ["The ECG was added."]


def test_nothing_chosen_begins_no_case(teacher: Visitor, school: School) -> None:
    before = school.count(Case)
    page = teacher.post("/builder/new")
    assert page.said("error") == ["Choose at least one file."]
    nameless = teacher.post("/builder/new", files=[("files", ("", b""))])
    assert nameless.said("error") == ["Choose at least one file."]
    assert school.count(Case) == before


def test_when_no_file_can_be_read_no_case_is_begun(teacher: Visitor, school: School) -> None:
    before = school.count(Case)
    page = teacher.post("/builder/new", files=[TEXT, ("files", ("empty.png", b""))])
    first, second = page.said("error")
    assert first.startswith("File 1: This is no ECG we can read. Choose a picture (PNG, JPEG, HEIC")
    assert second == "File 2: This file is empty. Export it again, then add it."
    assert 'class="faults stack stack-tight" tabindex="-1" data-focus' in page.html
    assert page.headings == ["Import the ECGs of a case"]
    assert school.count(Case) == before


def test_one_bad_file_among_several_leaves_the_good_ones(teacher: Visitor, school: School) -> None:
    page = teacher.post("/builder/new", files=[PICTURE, TEXT, OTHER])
    [problem] = page.said("error")
    assert problem.startswith("File 2: This is no ECG we can read.")
    assert labels(school, only_case(page)) == ["ECG_01", "ECG_02"]


def test_files_are_added_to_a_draft(teacher: Visitor, school: School) -> None:
    case = school.draft(recordings=1)
    added = teacher.leads(f"/builder/{case}/import", files=[PICTURE])
    assert added == f"/builder/{case}/import"
    assert labels(school, case) == ["ECG_01", "ECG_02"]
    page = teacher.post(f"/builder/{case}/import", {"upload": "1"})
    assert page.said("error") == ["Choose at least one file."]


def test_a_text_field_in_the_place_of_the_file_is_no_file(teacher: Visitor, school: School) -> None:
    case = school.draft()
    page = teacher.post(f"/builder/{case}/import", {"upload": "1", "files": "letter"})
    assert page.said("error") == ["Choose at least one file."]


@pytest.mark.parametrize("step", ["import", "annotate", "validate"])
def test_an_archived_case_is_shown_in_the_library_instead(
    teacher: Visitor, school: School, step: str
) -> None:
    case = school.archived()
    answer = teacher.browser.get(f"/builder/{case}/{step}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case}")


def test_an_archived_case_takes_no_file(teacher: Visitor, school: School) -> None:
    case = school.archived()
    page = teacher.post(f"/builder/{case}/import", files=[PICTURE])
    assert page.said("error") == ["File 1: This case is archived. Restore it before you change it."]


@pytest.mark.parametrize(
    "who, where, then",
    [
        ("ECG_01", "up", ["ECG_01", "ECG_02", "ECG_03"]),
        ("ECG_01", "down", ["ECG_02", "ECG_01", "ECG_03"]),
        ("ECG_03", "up", ["ECG_01", "ECG_03", "ECG_02"]),
        ("ECG_03", "down", ["ECG_01", "ECG_02", "ECG_03"]),
        ("ECG_01", "2", ["ECG_02", "ECG_03", "ECG_01"]),
        ("ECG_03", "0", ["ECG_03", "ECG_01", "ECG_02"]),
        ("ECG_01", "999", ["ECG_02", "ECG_03", "ECG_01"]),
        ("ECG_01", "9" * 5000, ["ECG_02", "ECG_03", "ECG_01"]),
        ("ECG_02", "-1", ["ECG_01", "ECG_02", "ECG_03"]),
        ("ECG_02", "abc", ["ECG_01", "ECG_02", "ECG_03"]),
        ("ECG_02", "²", ["ECG_01", "ECG_02", "ECG_03"]),
        ("ECG_02", "", ["ECG_01", "ECG_02", "ECG_03"]),
    ],
)
def test_a_recording_is_moved(
    teacher: Visitor, school: School, who: str, where: str, then: list[str]
) -> None:
    case = school.draft(recordings=3)
    page = teacher.get(f"/builder/{case}/import")
    moved = next(name for name, value in page.values.items() if name.startswith("label_") and value == who)
    move = {"move": f"{moved.removeprefix('label_')}:{where}"}
    assert teacher.leads(f"/builder/{case}/import", move) == f"/builder/{case}/import#recordings"
    assert labels(school, case) == then


@pytest.mark.parametrize("move", ["", "up", ":up", "UmVjb3JkaW5nOjE=:up", "x:0"])
def test_moving_what_the_case_does_not_have_is_not_found(teacher: Visitor, school: School, move: str) -> None:
    case = school.draft(recordings=2)
    teacher.post(f"/builder/{case}/import", {"move": move}, 404)
    assert labels(school, case) == ["ECG_01", "ECG_02"]


def test_a_recording_is_removed_in_one_click(teacher: Visitor, school: School) -> None:
    case = school.draft(recordings=2)
    page = teacher.get(f"/builder/{case}/import")
    first = next(button for button in page.form(f"/builder/{case}/import").buttons if button[0] == "remove")
    after = teacher.follow(teacher.press(page, f"/builder/{case}/import", first))
    assert labels(school, case) == ["ECG_02"]
    assert "ECG_01" not in after.words
    assert teacher.ask(f"/builder/{case}/import", {"remove": first[1]}).status_code == 404


def test_labels_and_timings_are_saved_and_a_press_on_move_keeps_them_too(
    teacher: Visitor, school: School
) -> None:
    case = school.draft(recordings=2)
    step = f"/builder/{case}/import"
    page = teacher.get(f"/builder/{case}/import")
    first, second = (name for name in page.values if name.startswith("label_"))
    timing = first.replace("label", "timing")
    teacher.press(page, step, **{first: "Avant", timing: "POST_TREATMENT"})
    page = teacher.get(f"/builder/{case}/import")
    assert (page.values[first], page.values[timing]) == ("Avant", "POST_TREATMENT")
    move = ("move", f"{second.removeprefix('label_')}:up")
    teacher.press(page, step, move, **{second: "Après"})
    assert labels(school, case) == ["Après", "Avant"]


def test_a_label_that_cannot_be_kept_stays_beside_its_field_and_the_others_are_saved(
    teacher: Visitor, school: School
) -> None:
    case = school.draft(recordings=2)
    page = teacher.get(f"/builder/{case}/import")
    first, second = (name for name in page.values if name.startswith("label_"))
    answer = teacher.press(page, f"/builder/{case}/import", **{first: "x" * 101, second: "Suivi"})
    assert answer.status_code == 422
    again = Page(answer.text)
    assert again.error(first) == "Error: At most 100 characters."
    assert again.values[first] == "x" * 101
    assert again.faults() == []
    assert labels(school, case) == ["ECG_01", "Suivi"]
    empty = teacher.press(page, f"/builder/{case}/import", **{first: " "})
    assert Page(empty.text).error(first) == "Error: This field is required."


def test_a_validated_case_keeps_its_last_recording(teacher: Visitor, school: School) -> None:
    case = school.validated()
    page = teacher.get(f"/builder/{case}/import")
    [remove] = [button for button in page.form(f"/builder/{case}/import").buttons if button[0] == "remove"]
    refused = Page(teacher.press(page, f"/builder/{case}/import", remove).text)
    assert refused.said("care")[0].startswith("This case is validated: it keeps a recording")
    assert labels(school, case) == ["ECG_01"]


def test_what_the_case_is_gets_saved_and_leads_on(teacher: Visitor, school: School) -> None:
    case = school.draft(recordings=1)
    page = teacher.get(f"/builder/{case}/import")
    save = f"/builder/{case}/import"
    typed = {"name": "Flutter & « co »", "category": "RHYTHM_DISORDER", "difficulty": "EXPERT"}
    saved = teacher.press(page, save, ("go", "annotate"), **typed)
    assert teacher.follow(saved).headings == ["What does this tracing show?"]
    again = teacher.get(f"/builder/{case}/import")
    assert [again.values[name] for name in ("name", "category", "difficulty")] == [
        "Flutter & « co »",
        "RHYTHM_DISORDER",
        "EXPERT",
    ]


@pytest.mark.parametrize(
    "here, action, field", [("import", "import", "description"), ("annotate", "annotations", "draftText")]
)
def test_going_to_another_step_by_the_line_of_steps_keeps_what_was_typed(
    teacher: Visitor, school: School, here: str, action: str, field: str
) -> None:
    case = school.validated()
    action = f"/builder/{case}/{action}"
    others = {"import", "annotate", "validate", "session"} - {here}
    for step in sorted(others):
        page = teacher.get(f"/builder/{case}/{here}")
        line = page.html.partition('<ol class="stepper">')[2].partition("</ol>")[0]
        assert f'name="go" value="{step}"' in line
        assert "href" not in line
        led = teacher.press(page, action, ("go", step), **{field: f"Vers {step}"}).headers["location"]
        assert led == (f"/builder/session?case={case}" if step == "session" else f"/builder/{case}/{step}")
        assert teacher.get(f"/builder/{case}/{here}").values[field] == f"Vers {step}"
    first = re.search('<button[^>]*form="step"[^>]*>', page.html)
    assert first is not None
    assert "name=" not in first[0], "Enter presses the first button there is: it must only save"
    unchanged = school.row(Case, case).revision
    teacher.press(teacher.get(f"/builder/{case}/{here}"), action, ("go", "validate"))
    assert school.row(Case, case).revision == unchanged


def test_the_line_of_steps_offers_none_that_is_not_reached(teacher: Visitor, school: School) -> None:
    case = school.draft(recordings=1)
    buttons = teacher.get(f"/builder/{case}/import").form(f"/builder/{case}/import").buttons
    assert [value for name, value in buttons if name == "go"] == ["annotate", "annotate"]
    led = teacher.leads(f"/builder/{case}/import", {"go": "elsewhere"})
    assert led == f"/builder/{case}/import"


@pytest.mark.parametrize("pressed", ["upload", "move", "remove", ""])
def test_what_the_case_is_and_its_labels_are_kept_whatever_is_pressed(
    teacher: Visitor, school: School, pressed: str
) -> None:
    case = school.draft(recordings=2)
    step = f"/builder/{case}/import"
    page = teacher.get(step)
    first, second = (name for name in page.values if name.startswith("label_"))
    typed = {"name": "Syncope", "difficulty": "EXPERT", "description": "Femme de 70 ans.\r\nSyncope."}
    sent = dict(page.form(step).fields) | typed | {second: "Suivi"}
    buttons = {
        "upload": {"upload": "1"},
        "move": {"move": f"{second.removeprefix('label_')}:up"},
        "remove": {"remove": first.removeprefix("label_")},
        "": {},
    }
    teacher.leads(step, sent | buttons[pressed], files=[PICTURE] if pressed == "upload" else None)
    row = school.row(Case, case)
    assert (row.name, row.difficulty, row.description) == (
        "Syncope",
        "expert",
        "Femme de 70 ans.\nSyncope.",
    )
    assert (
        labels(school, case)
        == {
            "upload": ["ECG_01", "Suivi", "ECG_03"],
            "move": ["Suivi", "ECG_01"],
            "remove": ["Suivi"],
            "": ["ECG_01", "Suivi"],
        }[pressed]
    )


def test_files_are_added_and_labels_kept_when_another_field_is_refused_and_nothing_is_moved(
    teacher: Visitor, school: School
) -> None:
    case = school.draft("Avant", recordings=2)
    step = f"/builder/{case}/import"
    page = teacher.get(step)
    _first, second = (name for name in page.values if name.startswith("label_"))
    move = {"move": f"{second.removeprefix('label_')}:up"}
    sent = dict(page.form(step).fields) | {"name": "n" * 201, "description": "Gardé", second: "Suivi"} | move
    again = teacher.post(step, sent, files=[PICTURE])
    assert again.error("name") == "Error: At most 200 characters."
    assert again.values["description"] == "Gardé"
    assert labels(school, case) == ["ECG_01", "Suivi", "ECG_03"]


def test_an_old_page_goes_on_only_where_it_says_what_the_case_says(teacher: Visitor, school: School) -> None:
    case = school.draft(recordings=1)
    step = f"/builder/{case}/import"
    old = teacher.get(step)
    teacher.press(teacher.get(step), step, category="INFARCTION")
    stale = teacher.press(old, step, ("go", "annotate"))
    assert stale.status_code == 409
    school.change(Case, case, category="other")
    assert teacher.press(old, step, ("go", "annotate")).status_code == 303


def test_what_cannot_be_saved_is_said_beside_its_field_with_what_was_typed(
    teacher: Visitor, school: School
) -> None:
    case = school.draft("Avant")
    page = teacher.get(f"/builder/{case}/import")
    refused = Page(
        teacher.press(page, f"/builder/{case}/import", name="", description="y" * 5001, category="HEART").text
    )
    assert refused.error("category") == "Error: Choose one of the values offered."
    assert refused.values["description"] == "y" * 5001
    long = Page(teacher.press(page, f"/builder/{case}/import", name="z" * 201, description="y" * 5001).text)
    assert long.error("name") == "Error: At most 200 characters."
    assert long.error("description") == "Error: At most 5000 characters."
    assert long.values["name"] == "z" * 201
    assert "2 fields need correcting" in long.words
    assert long.faults() == []


def test_what_is_emptied_becomes_empty(teacher: Visitor, school: School) -> None:
    case = school.draft(recordings=1)
    school.change(Case, case, draft_text="Flutter")
    teacher.press(teacher.get(f"/builder/{case}/import"), f"/builder/{case}/import", description="")
    page = teacher.get(f"/builder/{case}/annotate")
    assert "Proposed" in page.words
    teacher.press(page, f"/builder/{case}/annotations", draftText="")
    row = school.row(Case, case)
    assert (row.description, row.draft_text) == ("", "")
    page = teacher.get(f"/builder/{case}/import")
    nameless = teacher.press(page, f"/builder/{case}/import", name=" ")
    assert Page(nameless.text).error("name") == "Error: This field is required."


def test_a_stale_page_overwrites_nothing_and_keeps_what_was_typed(teacher: Visitor, school: School) -> None:
    case = school.draft("Avant")
    stale = teacher.get(f"/builder/{case}/import")
    teacher.press(stale, f"/builder/{case}/import", name="Entre-temps")
    answer = teacher.press(stale, f"/builder/{case}/import", name="Le mien")
    assert answer.status_code == 409
    page = Page(answer.text)
    assert page.said("care") == ["Someone changed this meanwhile. Reload, then make your change again."]
    assert page.values["name"] == "Le mien"
    assert school.row(Case, case).name == "Entre-temps"
    assert teacher.press(page, f"/builder/{case}/import").status_code == 303
    assert school.row(Case, case).name == "Le mien"


def test_a_revision_that_is_no_number_is_refused(teacher: Visitor, school: School) -> None:
    case = school.draft()
    page = teacher.post(f"/builder/{case}/import", {"revision": "abc", "name": "x"})
    assert "Give a whole number." in page.words


def test_a_case_archived_meanwhile_is_not_saved(teacher: Visitor, school: School) -> None:
    case = school.draft(recordings=1)
    page = teacher.get(f"/builder/{case}/import")
    teacher.leads(f"/cases/{case}/archive")
    answer = teacher.press(page, f"/builder/{case}/import", name="Neuf")
    assert answer.status_code == 409
    said = "Someone changed this meanwhile. Reload, then make your change again."
    assert Page(answer.text).said("care") == [said]
    assert Page(answer.text).values["name"] == "Neuf"


@pytest.mark.parametrize("step", ["import", "annotate", "validate"])
def test_htmx_gets_the_step_without_its_frame(teacher: Visitor, school: School, step: str) -> None:
    case = school.draft(recordings=1, concepts=["LBBB"])
    whole = teacher.get(f"/builder/{case}/{step}")
    part = teacher.part(f"/builder/{case}/{step}")
    assert "<!doctype html>" in whole.html
    assert part.headings == whole.headings
    assert part.title == whole.title


@pytest.mark.parametrize("path", ["/builder/x/import", "/builder/done/x", "/builder/Q2FzZTox/elsewhere"])
def test_an_address_that_leads_nowhere_says_so(teacher: Visitor, path: str) -> None:
    teacher.get(path, 404)
