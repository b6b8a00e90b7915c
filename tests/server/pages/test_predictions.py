"""The panel of what a model reads, what it suggests, the student's view of it, and the page of models."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlmodel import select

from ml.beats.classes import PRODUCT_CLASSES
from ml.beats.packing import pack, unpack
from ml.beats.quality import Reason, Verdict
from ml.registry.home import Home
from ml.registry.registry import Registry
from schema.models.cases import Annotation, Case, Recording
from schema.models.models import Deployment, Model, ModelVersion
from schema.models.predictions import Feedback, Prediction
from schema.policy import Role
from schema.services.retraining import TrainingRules
from schema.types.base import global_id
from server.app import Application, close_services, create_app
from tests.schema.toys import deployed, registered, toy, toy_loader
from tests.schema.ward import signal
from tests.server.conftest import installed
from tests.server.pages.conftest import FRAGMENT, Meet, School, Visitor, key_of, read
from tests.server.pages.reading import Page
from tests.server.pages.test_every_page import english_only, in_french, leftovers

LOADED = 10.0
"""Seconds a toy may take to load on a busy machine."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def app(blank: Path, home: Home) -> Iterator[Application]:
    """Return an application whose champion is a toy."""
    registry = Registry(home.cache, home.key, lambda *_: None, loader=toy_loader)
    application = create_app(installed(blank, home.folder / "site"), registry)
    services = application.site.services
    with services.database.write() as session:
        deployed(session, services.clock, registered(session, services.clock, toy(home)))
    services.deployments.refresh(at_once=True)
    registry.serving("beats", "champion", LOADED)
    yield application
    close_services(services)


@pytest.fixture
def case(school: School) -> str:
    """Return a validated case whose one recording is a signal."""
    case_id = school.draft("Extrasystoles", 1, ("SINUS_RHYTHM",))
    key = school.services.blobs.put(signal(), "application/dicom")
    [recording] = school.rows(Recording, case_id=key_of(case_id))
    school.change(Recording, global_id("Recording", recording.id), original_key=key)
    revision = school.row(Case, case_id).revision
    school.do(lambda session: school.cases(session).validate(key_of(case_id), revision))
    return case_id


@pytest.fixture
def beats(school: School, case: str) -> str:
    """Return the address where its recording is read."""
    [recording] = school.rows(Recording, case_id=key_of(case))
    return f"/cases/{case}/recordings/{global_id('Recording', recording.id)}/beats"


@pytest.fixture
def panel(teacher: Visitor, beats: str) -> str:
    """Return the address of a prediction."""
    return teacher.leads(beats)


def test_strangers_sign_in_and_what_is_anothers_does_not_exist(
    meet: Meet, teacher: Visitor, beats: str, panel: str
) -> None:
    for address in (beats, panel):
        assert meet().browser.get(address).status_code == 303
    colleague = meet(Role.TEACHER)
    assert colleague.get(beats, 403).words, "they may see the case, but not have it read"
    colleague.get(panel, 404)
    colleague.get("/predictions/nothing", 404)
    assert colleague.ask(f"{panel}/feedback", {"type": "CORRECT"}).status_code == 404
    meet(Role.STUDENT).get(panel, 404)
    teacher.get(panel)


def test_a_recording_is_read_on_demand(teacher: Visitor, case: str, beats: str) -> None:
    assert beats in teacher.get(f"/cases/{case}").links
    asked = teacher.get(beats)
    assert "This is not a diagnosis" in asked.words
    shown = teacher.follow(teacher.press(asked, beats))
    assert "12 beats" in shown.words
    assert "This is not a diagnosis" in shown.words
    assert "Beats, version 1" in shown.words
    assert "only one of the two leads" in shown.words
    assert teacher.get(beats).links[-3:] != asked.links[-3:], "the reading is among the earlier ones"


def test_the_panel_tells_how_often_each_class_is_found_and_right(
    school: School, teacher: Visitor, panel: str
) -> None:
    answered = {each.version_id for each in school.rows(Prediction, family="beats")}
    [version] = [each for each in school.rows(ModelVersion) if each.id in answered]
    key, plain = global_id("ModelVersion", version.id or 0), dict(version.metrics)
    assert "Sensitivity" not in teacher.get(panel).words
    measured = {f"{name}_sensitivity": 38.48 for name in PRODUCT_CLASSES}
    measured |= {f"{name}_ppv": 55.88 for name in PRODUCT_CLASSES}
    school.change(ModelVersion, key, metrics=plain | measured)
    shown = teacher.get(panel).words
    school.change(ModelVersion, key, metrics=plain)

    assert "On patients that it had not learnt from" in shown
    assert (shown.count("38%"), shown.count("56%")) == (len(PRODUCT_CLASSES), len(PRODUCT_CLASSES))


def test_htmx_gets_the_panel_in_place(teacher: Visitor, beats: str) -> None:
    assert "<h2" in teacher.part(beats).html
    answer = teacher.ask(beats, headers=FRAGMENT)
    page = read(answer, 200)
    assert "<html" not in page.html
    assert "12 beats" in page.words


def test_a_button_pressed_twice_asks_once(teacher: Visitor, beats: str, panel: str) -> None:
    for address, count in ((beats, 1), (f"{panel}?beat=5", 4)):
        forms = re.findall(r"<form[^>]* hx-post=[^>]*>", teacher.get(address).html)
        assert len(forms) == count
        assert all('hx-sync="drop"' in each for each in forms), "else the second waits, and is sent after all"


def its(panel: str) -> str:
    """Return the id of the prediction a panel shows."""
    return panel.rpartition("/")[2]


def test_two_readings_on_one_page_share_no_id(teacher: Visitor, beats: str, panel: str) -> None:
    other = teacher.leads(beats)
    assert other != panel
    parts = [teacher.part(f"{each}?beat=5") for each in (panel, other)]
    assert "missed-LBBB" in parts[0].html
    assert set(parts[0].ids) & set(parts[1].ids) == set()
    assert Page("".join(part.html for part in parts)).faults() == []


def test_each_beat_has_its_letter_and_leads_to_its_details(teacher: Visitor, panel: str) -> None:
    shown = teacher.get(panel)
    assert shown.html.count('class="beat-mark"') == 12
    told = "Ventricular premature beat, 70%, several classes are not ruled out"
    assert f'aria-label="Beat 5 at 3.6\u00a0s: {told}"' in shown.html
    assert f"{panel}?beat=5#{its(panel)}-beat" in shown.links
    there = re.findall(
        r'<a href="[^"]*" hx-get="([^"]*)" hx-target="closest .analysis" aria-label="Beat 5 ', shown.html
    )
    assert there == [f"{panel}?beat=5"], "the page around it, with what was typed there, stays"
    [of_class] = re.findall(
        r'hx-get="([^"]*)"[^>]* aria-label="Beat 5 ', teacher.get(f"{panel}?class=PVC").html
    )
    assert of_class == f"{panel}?beat=5&amp;class=PVC"


def test_the_strip_leads_on_only_as_far_as_there_is_a_recording(
    school: School, teacher: Visitor, case: str, panel: str
) -> None:
    [recording] = school.rows(Recording, case_id=key_of(case))
    assert recording.duration_s == 10
    shown = teacher.get(panel)
    assert "Rhythm strip" in shown.html
    assert "10 s after" not in shown.words
    school.change(Recording, global_id("Recording", recording.id), duration_s=12.0)
    assert "10 s after" in teacher.get(panel).words


def test_the_least_certain_beats_come_first_and_a_class_may_be_chosen(teacher: Visitor, panel: str) -> None:
    words = teacher.get(panel).words
    assert words.index("Beat 10") < words.index("Beat 5") < words.index("Beat 12")
    chosen = teacher.get(f"{panel}?class=PVC").words
    assert "2 beats" in chosen
    teacher.get(f"{panel}?class=LAMA&beat=x&at=-1")
    assert teacher.get(f"{panel}?at=60").words, "there is no tracing there"


def test_a_beat_shows_what_it_hangs_on(teacher: Visitor, panel: str) -> None:
    shown = teacher.get(f"{panel}?beat=5")
    assert "Beat 5, at 3.6 s" in shown.words
    assert "what the model goes by for this class" in shown.words
    assert shown.html.count('class="beat-weight"') > 10
    assert teacher.get(f"{panel}?beat=99").words


def test_a_beat_is_confirmed_or_corrected(school: School, teacher: Visitor, panel: str) -> None:
    given = {"beat": "5", "correctedClass": "APB", "type": "DOWNGRADE", "reason": "QRS fins."}
    done = teacher.ask(f"{panel}/feedback", given)
    assert "Your opinion is kept." in teacher.follow(done).words
    assert "Made too much of" in teacher.get(f"{panel}?beat=5").words
    [row] = school.rows(Feedback, account_id=teacher.actor.account_id)
    assert (row.target, row.type, row.corrected_class, row.reason) == (5, "downgrade", "APB", "QRS fins.")


def test_a_corrected_beat_has_its_new_letter_and_the_model_stays_readable(
    teacher: Visitor, panel: str
) -> None:
    given = {"beat": "5", "correctedClass": "APB", "type": "DOWNGRADE"}
    teacher.follow(teacher.ask(f"{panel}/feedback", given))
    shown = teacher.get(f"{panel}?class=APB")
    told = "Atrial premature beat, corrected by you; the model: ventricular premature beat, 70%"
    assert f'aria-label="Beat 5 at 3.6\u00a0s: {told}, several classes are not ruled out"' in shown.html
    assert '<text class="beat-was"' in shown.html, "the letter that the model gave, struck through"
    assert "Atrial premature beat corrected by you; the model: ventricular premature beat" in shown.words
    assert "Atrial premature beat 1 " in shown.words
    assert "Ventricular premature beat 1 " in shown.words
    doubted = teacher.follow(teacher.ask(f"{panel}/feedback", {"beat": "5", "type": "DISAGREE"}))
    assert "Class unknown, wrong to you; the model: ventricular premature beat" in doubted.html


def test_a_correction_to_what_the_model_said_is_refused_beside_the_field(
    school: School, teacher: Visitor, panel: str
) -> None:
    page = teacher.post(f"{panel}/feedback", {"beat": "5", "correctedClass": "PVC", "type": "DISAGREE"})
    assert f'id="{its(panel)}-beat-class-error"' in page.html
    assert "This is the class that the model gave: confirm the beat instead." in page.words
    assert school.rows(Feedback, account_id=teacher.actor.account_id) == []


def test_after_a_beat_comes_the_least_certain_that_is_not_judged_yet(teacher: Visitor, panel: str) -> None:
    def judged(beat: str, where: str = "") -> str:
        done = teacher.ask(f"{panel}/feedback{where}", {"beat": beat, "type": "CORRECT"})
        assert done.status_code == 303
        return done.headers["location"].removeprefix(panel)

    assert judged("5") == f"?beat=10#{its(panel)}-beat"
    assert judged("10", "?class=PVC") == f"?beat=10&class=PVC#{its(panel)}-beat", (
        "no beat of the class is left"
    )
    assert "No beat of this list is left to judge" in teacher.get(panel).words
    assert judged("12", "?class=LAMA") == f"?beat=11#{its(panel)}-beat"
    assert teacher.get(panel).words.count("confirmed by you") == 3, "the list says which are judged"


def test_where_the_panel_is_part_of_a_page_a_beat_is_judged_in_its_place(
    teacher: Visitor, panel: str
) -> None:
    answer = teacher.ask(f"{panel}/feedback", {"beat": "10", "type": "CORRECT"}, headers=FRAGMENT)
    page = read(answer, 200)
    assert "<html" not in page.html
    assert "Beat 5, at 3.6 s" in page.words
    assert 'id="messages" hx-swap-oob="innerHTML"' in page.html
    assert "Your opinion is kept." in page.words


def test_a_beat_of_which_no_class_is_likely_enough_says_so(
    school: School, teacher: Visitor, panel: str
) -> None:
    assert "The model is unsure of most beats" not in teacher.get(panel).words
    row = school.row(Prediction, panel.rpartition("/")[2])
    kept = unpack(row.answer or b"")
    sets, shares = kept.sets.copy(), np.full_like(kept.probabilities, 0.2)
    sets[4] = False
    unsure = replace(kept, sets=sets, probabilities=shares)
    school.change(Prediction, panel.rpartition("/")[2], answer=pack(unsure))
    shown = teacher.get(f"{panel}?beat=5")
    told = "Ventricular premature beat, 20%, no class is likely enough"
    assert f'aria-label="Beat 5 at 3.6\u00a0s: {told}"' in shown.html
    assert shown.html.count('data-mark="none"') == 4, "on the strip, in its legend, the list and its details"
    assert "hollow: no class is likely enough" in shown.words
    assert "Ventricular premature beat · no class is likely enough" in shown.words
    assert "The model is unsure of most beats: 12 of 12 have a certainty below 50 %." in shown.words


def test_of_a_recording_that_no_lead_can_be_read_of_the_page_says_why(
    school: School, teacher: Visitor, panel: str
) -> None:
    kept = unpack(school.row(Prediction, its(panel)).answer or b"")
    none = {name: getattr(kept, name)[:0] for name in ("positions", "labels", "probabilities", "sets")}
    said = {"quality": Verdict.INSUFFICIENT.value, "quality_reasons": [Reason.TOO_SHORT.value]}
    unread = pack(replace(kept, leads=(), **none))
    school.change(Prediction, its(panel), answer=unread, counts={}, **said)
    shown = teacher.get(panel)
    assert "the recording is too short" in shown.words
    assert "Nothing is said of beats that cannot be read." in shown.words
    assert "This is not a diagnosis" in shown.words
    assert "Rhythm strip" not in shown.html


def test_the_last_beat_is_seen_among_all_the_others_of_ten_seconds(teacher: Visitor, panel: str) -> None:
    shown = teacher.get(f"{panel}?beat=12")
    assert "0 s to 10 s" in shown.words
    assert shown.html.count('class="beat-mark"') == 12


def test_the_keyboard_goes_where_the_panel_has_changed(teacher: Visitor, beats: str, panel: str) -> None:
    def focused(html: str) -> list[str]:
        found = re.findall(r'<(\w+)[^>]*id="[^"]*?-([a-z-]+)"[^>]* data-focus', html)
        return [f"{element} {name}" for element, name in found]

    assert focused(teacher.get(panel).html) == [], "a page that is opened is read from its top"
    assert focused(read(teacher.ask(beats, headers=FRAGMENT), 200).html) == ["h2 panel-title"]
    confirmed = teacher.ask(f"{panel}/feedback", {"type": "CORRECT"}, headers=FRAGMENT)
    assert focused(read(confirmed, 200).html) == ["h2 panel-title"]
    assert focused(teacher.part(f"{panel}?beat=5").html) == ["h3 beat-title"]
    wrong = {"beat": "5", "correctedClass": "PVC", "type": "DISAGREE"}
    refused = teacher.ask(f"{panel}/feedback", wrong, headers=FRAGMENT)
    assert focused(read(refused, 422).html) == ["select beat-class"]


def test_places_in_a_long_recording_are_told_by_minutes(
    school: School, teacher: Visitor, case: str, panel: str
) -> None:
    [recording] = school.rows(Recording, case_id=key_of(case))
    school.change(Recording, global_id("Recording", recording.id), duration_s=1_800.0)
    assert "Beat 5, at 0:03.6" in teacher.get(f"{panel}?beat=5").words


def test_the_page_of_a_prediction_leads_back_to_its_case(teacher: Visitor, case: str, panel: str) -> None:
    shown = teacher.get(panel)
    assert "Back to the case" in shown.words
    assert f"/cases/{case}" in shown.links


def test_the_whole_is_confirmed_then_corrected(school: School, teacher: Visitor, panel: str) -> None:
    teacher.follow(teacher.ask(f"{panel}/feedback", {"type": "CORRECT"}))
    given = {"type": "UPGRADE", "missedFindings": ["LBBB", "ATRIAL_FIBRILLATION"], "reason": ""}
    after = teacher.follow(teacher.ask(f"{panel}/feedback", given))
    assert "Taken too lightly" in after.words
    first, second = school.rows(Feedback, account_id=teacher.actor.account_id)
    assert (first.current, second.current) == (False, True)
    assert second.missed_findings == ["LBBB", "ATRIAL_FIBRILLATION"]


def test_what_was_typed_comes_back_with_what_is_wrong(teacher: Visitor, panel: str) -> None:
    given = {"type": "DISAGREE", "beat": "5", "reason": "x" * 1_001}
    page = teacher.post(f"{panel}/feedback", given)
    assert "At most 1000 characters." in page.words


def test_findings_become_suggestions_which_only_the_author_adds(
    school: School, teacher: Visitor, case: str, panel: str
) -> None:
    [suggest] = [link for link in teacher.get(panel).links if link.startswith(f"/builder/{case}/annotate")]
    address = suggest.partition("#")[0]
    page = teacher.get(address)
    assert "Suggested by the model" in page.words
    assert "2 beats" in page.words
    assert "Also read, not proposed" in page.words
    assert 'name="proposed"' not in page.html, "69 % is less than what proposals must have"
    assert school.count(Annotation, case_id=key_of(case)) == 1
    for beat in ("5", "10"):
        teacher.follow(teacher.ask(f"{panel}/feedback", {"beat": beat, "type": "CORRECT"}))
    page = teacher.get(address)
    assert "2 beats, 2 of them confirmed or corrected by you" in page.words
    [action] = [form.action for form in page.forms if form.action.startswith(f"/builder/{case}/annotations?")]
    added = teacher.press(page, action, ("add", "VENTRICULAR_PREMATURE_COMPLEX:100.0:SUGGESTED"))
    assert "Added" in teacher.follow(added).words
    row = school.rows(Annotation, case_id=key_of(case))[-1]
    assert (row.concept_id, row.type, row.confidence) == ("VENTRICULAR_PREMATURE_COMPLEX", "suggested", 100.0)


def test_a_foreign_prediction_suggests_nothing(meet: Meet, school: School, panel: str) -> None:
    colleague = meet(Role.TEACHER)
    draft = School(school.app, colleague).draft("Brouillon", 1)
    page = colleague.get(f"/builder/{draft}/annotate?prediction={panel.rpartition('/')[2]}")
    assert "Suggested by the model" not in page.words


def test_a_student_sees_it_with_the_correction_and_says_what_they_think(
    school: School, student: Visitor, case: str, panel: str
) -> None:
    session = school.session([case])
    attempt = school.begun(session, student)
    student.get(panel, 404)
    assert panel not in student.get(f"/attempts/{attempt}/1").links
    school.services.submissions.submit(student.actor, key_of(attempt), "by-the-test")
    result = student.get(f"/attempts/{attempt}/result")
    assert panel in result.links
    shown = student.get(panel)
    assert "Suggest as annotations" not in shown.words
    assert f"/attempts/{attempt}/result" in shown.links
    after = student.follow(student.ask(f"{panel}/feedback", {"type": "CORRECT"}))
    assert "Your opinion: Right" in after.words


def test_a_picture_offers_no_reading(school: School, teacher: Visitor, case: str, beats: str) -> None:
    [recording] = school.rows(Recording, case_id=key_of(case))
    school.change(Recording, global_id("Recording", recording.id), kind="image")
    assert beats not in teacher.get(f"/cases/{case}").links
    assert "Only signals can be analysed" in teacher.get(beats).words
    assert "Only signals can be analysed" in teacher.post(beats).words


def test_the_panel_is_sound_in_french(teacher: Visitor, panel: str) -> None:
    in_french(teacher)
    teacher.browser.headers["accept-language"] = "fr"
    for address in (panel, f"{panel}?beat=5", f"{panel}?class=PVC"):
        page = teacher.get(address)
        assert leftovers(page, english_only()) == set()
        assert "Ceci n’est pas un diagnostic" in page.words


def test_without_a_model_the_page_says_so(app: Application, teacher: Visitor, beats: str) -> None:
    services = app.site.services
    with services.database.write() as session:
        champion = session.exec(select(Deployment).where(Deployment.alias == "champion")).one()
        kept = champion.model_dump()
        session.delete(champion)
    services.deployments.refresh(at_once=True)
    try:
        assert "No model is available" in teacher.get(beats).words
        shown = teacher.follow(teacher.ask(beats))
        assert "No model is available" in shown.words
        assert "The reading as a whole" not in shown.words, "there is nothing to confirm or to correct"
        assert [form.action for form in shown.forms if form.action.endswith("/feedback")] == []
    finally:
        with services.database.write() as session:
            session.add(Deployment(**kept))
        services.deployments.refresh(at_once=True)


def test_only_those_who_may_see_models_do(meet: Meet, teacher: Visitor) -> None:
    assert meet().browser.get("/models").status_code == 303
    meet(Role.STUDENT).get("/models", 403)
    for person in (teacher, meet(Role.ANALYST)):
        page = person.get("/models")
        assert "Champion" in page.words
        assert "Put to use" not in page.words
        assert [form.action for form in page.forms if form.action.startswith("/models/")] == []
        refused = person.post("/models/promote", {"versionId": "x", "alias": "CHAMPION"}, 403)
        assert "Your access does not cover this" in refused.words


def test_a_training_that_is_refused_comes_back_as_it_was_typed(
    meet: Meet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainingRules, "obstacle", lambda *_: None)
    admin = meet(Role.ADMIN)
    page = admin.get("/models")
    opened = '<details class="disclosure" open><summary>Train anew'
    assert opened not in page.html
    typed = {"minFeedbackSamples": "0", "runName": "Jeudi"}
    refused = read(admin.press(page, "/models/retrain", **typed), 422)
    assert opened in refused.html
    assert refused.error("least-BEATS").startswith("Error: ")
    assert {name: refused.values[name] for name in typed} == typed
    assert ("includeFeedback", "true") in refused.form("/models/retrain").fields


def test_where_nothing_is_registered_the_page_says_what_to_do(own_app: Application) -> None:
    services = own_app.site.services
    with services.database.write() as session:
        session.add(Model(family="segmentation", created_at=services.clock()))
    told = Visitor(own_app, Role.TEACHER, "en").get("/models").words
    assert "No version is registered yet. Those that come with the program appear by themselves" in told
    assert "An administrator can register one" in told
    assert "0 versions" not in told
    assert (
        "python -m ml registry register FOLDER --alias champion"
        in Visitor(own_app, Role.ADMIN, "en").get("/models").words
    )


def test_an_administrator_puts_a_version_to_use_and_rolls_back(
    app: Application, home: Home, meet: Meet
) -> None:
    admin, services = meet(Role.ADMIN), app.site.services
    with services.database.write() as session:
        version = registered(session, services.clock, toy(home))
        registered(session, services.clock, None)
        answering = select(Deployment.version_id).where(Deployment.alias == "champion")
        champion = global_id("ModelVersion", session.exec(answering).one())
    page = admin.get("/models")
    assert "tampered with" in page.words
    given = {"versionId": global_id("ModelVersion", version.id or 0)}
    refused = admin.post("/models/promote", given | {"overrideReason": "x" * 501})
    assert "At most 500 characters." in refused.words
    assert refused.html.count("x" * 501) == 1, "in the form of this version alone"
    refused = admin.post("/models/promote", given)
    assert "The rule does not let this version take" in refused.words
    assert len(re.findall('<details class="disclosure" open><summary>Put to use', refused.html)) == 1
    after = admin.follow(admin.ask("/models/promote", given | {"overrideReason": "Essai."}))
    assert "The version answers from now on." in after.words
    assert "the store is not told yet" in after.words
    back = admin.follow(admin.press(after, "/models/rollback"))
    assert "The version before answers again." in back.words
    trial = {"versionId": given["versionId"], "alias": "CHALLENGER"}
    beside = admin.follow(admin.ask("/models/promote", trial))
    assert "The version is the challenger now. It answers nobody before an A/B test begins." in beside.words
    assert "answers from now on" not in beside.words
    shadow = admin.follow(admin.ask("/models/promote", trial | {"alias": "SHADOW"}))
    assert "it is asked in silence and answers nobody" in shadow.words
    itself = admin.post("/models/promote", trial | {"versionId": champion}, 403)
    assert "it cannot be its own challenger or shadow" in itself.words
    looked = admin.follow(admin.press(back, "/models/sync"))
    assert "The store is being looked at." in looked.words
