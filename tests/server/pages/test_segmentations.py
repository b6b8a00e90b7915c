"""Brain tumours on the pages: a label map in, the result, a patient's course; no script needed."""

import gzip
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sqlmodel import Session, col, select

from ml.segmentation.sent import VolumeReader
from schema.models.predictions import Feedback, Prediction
from schema.models.segmentations import Segmentation
from schema.policy import Role
from server.app import Application
from server.pages.segmentations import plot_of
from tests.server.pages.conftest import Meet, School, Visitor
from tests.server.pages.test_every_page import english_only, leftovers
from tests.support.volumes import label_map, nifti

GIVEN = {
    "patient": "P-0042",
    "examinedOn": "2026-01-05",
    "modelName": "nnU-Net",
    "modelVersion": "2.1",
    "processingSeconds": "12,5",
    "status": "SUCCEEDED",
    "label_NECROTIC": "1",
    "label_EDEMA": "2",
    "label_ENHANCING": "3, 4",
}


@pytest.fixture(scope="module")
def volumes() -> Iterator[VolumeReader]:
    made = VolumeReader()
    yield made
    made.close()


@pytest.fixture
def recording(app: Application, volumes: VolumeReader) -> None:
    app.site.services.__dict__.pop("segmentations", None)
    app.site.services.volumes = volumes


@pytest.fixture
def clinician(meet: Meet, recording: None) -> Visitor:  # noqa: ARG001 - it makes recording possible
    return meet(Role.CLINICIAN)


def sent(data: Any = None) -> dict[str, Any]:
    raw = gzip.compress(nifti(label_map() if data is None else data), 1)
    return {"labelMap": ("DUPONT.nii.gz", raw, "application/gzip")}


@pytest.fixture
def segmentation(clinician: Visitor) -> str:
    """Return the address of one that the clinician recorded."""
    return clinician.leads("/segmentations/new", GIVEN, files=sent())


def test_strangers_sign_in_and_anothers_segmentation_does_not_exist(
    meet: Meet, clinician: Visitor, segmentation: str
) -> None:
    patient = next(link for link in clinician.get(segmentation).links if "/patients/" in link)
    for address in ("/segmentations", "/segmentations/new", segmentation, patient):
        assert meet().browser.get(address).status_code == 303
    colleague = meet(Role.CLINICIAN)
    for address in (segmentation, patient):
        colleague.get(address, 404)
    assert colleague.ask(f"{segmentation}/feedback", {"type": "CORRECT"}).status_code == 404
    assert "P-0042" not in colleague.get("/segmentations").words
    for role in (Role.STUDENT, Role.ANALYST):
        meet(role).get("/segmentations/new", 403)
        assert meet(role).ask("/segmentations/new", GIVEN, files=sent()).status_code == 403


def test_the_result_shows_slices_volumes_pieces_and_what_it_is_not(
    clinician: Visitor, segmentation: str
) -> None:
    page = clinician.get(segmentation)
    assert "neither a diagnosis nor a medical device" in page.words
    assert "0.22 cm³" in page.words
    assert "Oedema 0.19 cm³ 2" in page.words
    assert page.html.count("<img") == 3
    assert "R: the patient’s right" in page.words
    assert "DUPONT" not in page.html
    picture = page.html.split('<img src="')[1].split('"')[0].replace("&amp;", "&")
    clinician.get(f"/predictions/{segmentation.rpartition('/')[2]}", 404)
    assert clinician.browser.get(picture).content.startswith(b"\x89PNG")


def test_what_was_typed_comes_back_with_what_is_wrong(school: School, clinician: Visitor) -> None:
    wrong = GIVEN | {"patient": "DUPONT 1956", "label_ENHANCING": "9"}
    page = clinician.post("/segmentations/new", wrong, files=sent())
    assert "Use a code of letters" in page.words
    assert dict(page.form("/segmentations/new").fields)["modelName"] == "nnU-Net"
    page = clinician.post("/segmentations/new", GIVEN | {"label_ENHANCING": "9"}, files=sent())
    assert "Nobody has said what these numbers stand for: 4." in page.words
    assert dict(page.form("/segmentations/new").fields)["label_ENHANCING"] == "9"
    page = clinician.post("/segmentations/new", GIVEN)
    assert "This field is required." in page.words
    assert school.count(Prediction, asked_by=clinician.actor.account_id) == 0


@pytest.mark.usefixtures("segmentation")
def test_what_a_model_elsewhere_made_is_not_told_as_made_without_a_model(
    meet: Meet, clinician: Visitor
) -> None:
    [kept] = [link for link in clinician.get("/segmentations").links if "/patients/" in link]
    [made] = {link for link in clinician.get(kept).links if re.search("/segmentations/U", link)}
    clinician.leads(f"{made}/feedback", {"type": "CORRECT"})
    for page in ("/monitoring", "/statistics/feedback"):
        rows = re.findall(
            r'<th scope="row">([^<]+)</th>', meet(Role.ANALYST).get(f"{page}?family=SEGMENTATION").html
        )
        assert "No version of this site" in rows
        assert "Without a model" not in rows


def test_a_day_that_images_cannot_be_of_is_refused_as_people_write_days(clinician: Visitor) -> None:
    page = clinician.post("/segmentations/new", GIVEN | {"examinedOn": "2999-01-01"}, files=sent())
    assert page.error("examinedOn") == "Error: Choose a day from 1990 until today."


def test_an_opinion_is_kept(school: School, clinician: Visitor, segmentation: str) -> None:
    page = clinician.get(segmentation)
    clinician.follow(clinician.press(page, f"{segmentation}/feedback"))
    given = {"type": "DOWNGRADE", "reason": "takes in the ventricle"}
    clinician.leads(f"{segmentation}/feedback", given)
    said = clinician.get(segmentation).words
    assert "The outlines take in what is no tumour. · takes in the ventricle" in said
    assert [each.type for each in school.rows(Feedback, account_id=clinician.actor.account_id)] == [
        "correct",
        "downgrade",
    ]


def test_where_no_version_is_in_use_nothing_offers_to_segment_images(
    school: School, clinician: Visitor
) -> None:
    assert "/segmentations/launch" not in clinician.get("/segmentations").links
    page = clinician.get("/segmentations/launch")
    assert "No model is in use" in page.words
    assert "/segmentations/launch" not in [form.action for form in page.forms]
    asked = {"patient": "P-0078", "examinedOn": "2026-01-05"}
    late = clinician.ask("/segmentations/launch", asked, files={"image_flair": sent()["labelMap"]})
    assert late.status_code == 409
    assert "No model is in use" in late.text
    assert school.count(Prediction, asked_by=clinician.actor.account_id) == 0


def test_a_record_without_outlines_says_why_and_asks_for_no_opinion(
    school: School, clinician: Visitor
) -> None:
    address = clinician.leads("/segmentations/new", GIVEN | {"status": "FAILED"})
    page = clinician.get(address)
    assert "nnU-Net 2.1 · without outlines" in page.words
    assert "The model failed: there is no label map." in page.words

    def unanswered(session: Session) -> None:
        row = session.exec(select(Segmentation).order_by(col(Segmentation.prediction_id).desc())).first()
        assert row is not None
        row.model_name = row.model_version = "–"
        session.get_one(Prediction, row.prediction_id).ml_error = "not_deployed"

    school.do(unanswered)
    page = clinician.get(address)
    assert "No model · without outlines" in page.words
    assert "No model was in use: nothing was outlined." in page.words
    assert "– –" not in page.words
    assert "a model drew these outlines" not in page.words
    assert f"{address}/feedback" not in [form.action for form in page.forms]
    patient = next(link for link in page.links if "/patients/" in link)
    assert "No model No model was in use: nothing was outlined." in clinician.get(patient).words


def test_images_that_are_kept_are_told_of_and_forgotten_with_one_click(
    meet: Meet, school: School, clinician: Visitor, segmentation: str
) -> None:
    address = segmentation

    def keep(session: Session) -> None:
        row = session.exec(select(Segmentation).order_by(col(Segmentation.prediction_id).desc())).first()
        assert row is not None
        row.images = {"flair": "0" * 64}

    school.do(keep)
    analyst = meet(Role.ANALYST)
    assert "The images are kept" in analyst.get(address).words
    assert f"{address}/forget" not in analyst.get(address).html
    assert analyst.ask(f"{address}/forget").status_code == 303
    assert "The images are kept" in clinician.get(address).words
    assert "The images are deleted and cannot be brought back" in clinician.get(address).words
    done = clinician.follow(clinician.press(clinician.get(address), f"{address}/forget"))
    assert "The images are forgotten." in done.words
    assert "The images are kept" not in done.words


def test_a_patients_course_is_plotted_with_a_table_and_algorithms_compared(
    meet: Meet, clinician: Visitor, segmentation: str
) -> None:
    other = label_map().copy()
    other[2] = 0
    clinician.leads("/segmentations/new", GIVEN | {"modelName": "other"}, files=sent(other))
    clinician.leads("/segmentations/new", GIVEN | {"examinedOn": "2026-03-05"}, files=sent())
    clinician.leads("/segmentations/new", GIVEN | {"status": "FAILED"})
    patient = next(link for link in clinician.get(segmentation).links if "/patients/" in link)
    for visitor in (clinician, meet(Role.ANALYST)):
        page = visitor.get(patient)
        assert page.html.count('class="segment-span"') == 1
        assert page.html.count('class="segment-line"') == 4
        assert "5 March 2026 nnU-Net 2.1 0.22 cm³" in page.words
        assert "The model failed" in page.words
        assert re.search(r"other 2\.1 ?nnU-Net 2\.1 0\.91", page.words)
    assert visitor.get(segmentation).html.count("<img") == 0
    assert "P-0042" in clinician.get("/segmentations").words


def test_in_french_nothing_is_left_in_english(meet: Meet, recording: None) -> None:  # noqa: ARG001 - the same
    reader = meet(Role.CLINICIAN, "fr")
    page = reader.get(reader.leads("/segmentations/new", GIVEN, files=sent()))
    assert "Œdème" in page.words
    assert "Nécrose" in page.words
    patient = next(link for link in page.links if "/patients/" in link)
    english = english_only()
    for each in (
        page,
        reader.get(patient),
        reader.get("/segmentations"),
        reader.get("/segmentations/new"),
        reader.get("/segmentations/launch"),
    ):
        assert leftovers(each, english) == set()


def row(day: str, volume: float) -> dict[str, Any]:
    parts = [{"segment": each, "volumeCm3": volume / 3} for each in ("NECROTIC", "EDEMA", "ENHANCING")]
    return {"record": {"examinedOn": day}, "figures": {"totalVolumeCm3": volume, "segments": parts}}


def test_the_plot_holds_every_point_whatever_the_volumes_and_days() -> None:
    draw = np.random.default_rng(0)
    days = ["2020-01-01", "2020-01-02", "2024-02-29", "2026-12-31"]
    for largest in (0.0, 1e-4, 0.3, 47.0, 9999.0):
        rows = [row(str(draw.choice(days)), float(draw.uniform(0, largest))) for _ in range(20)]
        plot = plot_of(rows)
        assert plot is not None
        for point in (each for series in plot["series"] for each in series["points"]):
            assert plot["left"] <= point["x"] <= plot["right"]
            assert 0 <= point["y"] <= plot["bottom"]
        assert 2 <= len(plot["ticks"]) <= 6
    assert plot_of([{"record": {"examinedOn": "2020-01-01"}, "figures": None}]) is None


def test_the_latest_examination_is_named_however_many_there_are() -> None:
    for count in range(1, 20):
        plot = plot_of([row(f"2026-01-{day:02}", 1.0) for day in range(1, count + 1)])
        assert plot is not None
        assert plot["days"][-1]["day"] == f"2026-01-{count:02}"
        assert len(plot["days"]) <= 6
