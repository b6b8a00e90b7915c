"""The page of what readers think of predictions, and the files that administrators bring and take."""

import csv
import io
import json
import re
from collections.abc import Iterator

import pytest
from sqlmodel import col, delete, select, update

from schema.models.predictions import BeatClass, Feedback, FeedbackType, ModelFamily, Prediction
from schema.policy import Role
from schema.services.feedback_files import MAX_FILE_BYTES
from schema.services.feedback_statistics import LEAST, LEAST_JUDGED
from tests.server.pages.conftest import Meet, School, Visitor

PAGE, TABLE, LINES = "/statistics/feedback", "/statistics/feedback.csv", "/exports/feedback.jsonl"


@pytest.fixture
def spoken(school: School, teacher: Visitor) -> Iterator[None]:
    """Have so many readers raise a visit from Tri 3B to Tri 2 that a share is told; gone afterwards.

    What other tests said of visits of the shared platform does not count meanwhile.
    """
    services = school.services
    with services.database.write() as session:
        in_force = col(Feedback.family) == ModelFamily.TRIAGE.value, col(Feedback.current).is_(True)
        others = session.exec(select(Feedback.id).where(*in_force)).all()
        session.execute(update(Feedback).where(col(Feedback.id).in_(others)).values(current=False))
        row = Prediction(
            family=ModelFamily.TRIAGE.value,
            visit={"values": {"age": 54.0}, "complaint": "Toux", "answers": {}, "chosen": None},
            asked_by=teacher.actor.account_id,
            alias="champion",
            input_sha256="0" * 64,
            ml_available=False,
            latency_ms=1,
            level="3B",
            created_at=services.clock(),
        )
        session.add(row)
        session.flush()
        for number in range(LEAST):
            given = Feedback(
                prediction_id=row.id or 0,
                family=row.family,
                version_id=row.version_id,
                reader=f"{row.id} {number}",
                type=FeedbackType.UPGRADE.value,
                original="3B",
                corrected_level="2",
                reason="Sueurs de M. Durand",
                created_at=services.clock(),
            )
            session.add(given)
        made = row.id
    yield
    with services.database.write() as session:  # no list of triage could show so little of a visit
        session.execute(delete(Feedback).where(col(Feedback.prediction_id) == made))
        session.execute(delete(Prediction).where(col(Prediction.id) == made))
        session.execute(update(Feedback).where(col(Feedback.id).in_(others)).values(current=True))


@pytest.mark.usefixtures("spoken")
def test_strangers_and_who_may_not_read_statistics_see_nothing(meet: Meet) -> None:
    for path in (PAGE, TABLE, LINES):
        assert meet().browser.get(path).status_code == 303
        meet(Role.STUDENT).get(path, 403)
    meet(Role.ANALYST).get(LINES, 403)


@pytest.mark.usefixtures("spoken")
def test_an_analyst_sees_figures_of_a_family_and_no_row(meet: Meet) -> None:
    analyst = meet(Role.ANALYST)
    page = analyst.get(f"{PAGE}?family=TRIAGE")
    assert "Found wrong" in page.words
    assert "100%" in page.words
    assert re.search(r"<dt>Visits judged</dt><dd>1</dd>", page.html)
    assert "it is told from 30 of these on, or more where a few have most" in page.words
    assert "Sueurs" not in page.html
    assert "Toux" not in page.html
    assert [form for form in page.forms if form.action == PAGE and form.method == "post"] == []
    assert "No feedback yet" in analyst.get(f"{PAGE}?family=BEATS").words
    analyst.get(f"{PAGE}?version=nothing", 404)


@pytest.mark.usefixtures("spoken")
def test_the_same_figures_are_a_table_to_calculate_with(meet: Meet) -> None:
    rows = list(csv.reader(io.StringIO(meet(Role.ANALYST).browser.get(TABLE).text)))
    assert rows[0] == [
        "figure",
        "of",
        "corrected",
        "opinions",
        "errors",
        "share",
        "low",
        "high",
        "judged",
        "readers",
    ]
    whole = next(row for row in rows if row[0] == "all")
    assert whole[6:] == ["", "", "1", str(LEAST)]


@pytest.fixture
def judged(school: School, teacher: Visitor) -> Iterator[None]:
    """Have a reader call right a beat of each of so many recordings of eleven leads; gone afterwards."""
    services, made = school.services, []
    with services.database.write() as session:
        for number in range(LEAST_JUDGED):
            row = Prediction(
                family=ModelFamily.BEATS.value,
                asked_by=teacher.actor.account_id,
                alias="champion",
                input_sha256=f"{number:064}",
                ml_available=True,
                latency_ms=1,
                slices=["leads:11"],
                created_at=services.clock(),
            )
            session.add(row)
            session.flush()
            given = Feedback(
                prediction_id=row.id or 0,
                family=row.family,
                reader="one",
                target=1,
                type=FeedbackType.CORRECT.value,
                original=BeatClass.NORMAL.value,
                created_at=services.clock(),
            )
            session.add(given)
            made.append(row.id or 0)
    yield
    with services.database.write() as session:
        session.execute(delete(Feedback).where(col(Feedback.prediction_id).in_(made)))
        session.execute(delete(Prediction).where(col(Prediction.id).in_(made)))


@pytest.mark.usefixtures("judged")
def test_groups_of_which_enough_is_judged_are_on_the_page_and_in_the_table(meet: Meet) -> None:
    analyst = meet(Role.ANALYST)
    page = analyst.get(f"{PAGE}?family=BEATS")
    assert "By group of patients or recordings" in page.words
    assert "11 leads" in page.words
    rows = list(csv.reader(io.StringIO(analyst.browser.get(f"{TABLE}?family=BEATS").text)))
    (row,) = [row for row in rows if row[:2] == ["group", "leads:11"]]
    # Wilson's upper end of none of 30: t(29) 2.0452 squared, over 30 and that.
    assert row[2:] == ["", "30", "0", "0.0", "0.0", "0.1224", "30", "1"]


@pytest.mark.usefixtures("spoken", "judged")
def test_what_was_corrected_is_told_of_enough_recordings_and_not_of_one_visit(meet: Meet) -> None:
    analyst = meet(Role.ANALYST)
    withheld = "Told from 30 recordings or visits judged on"
    for family, is_told in (("BEATS", True), ("TRIAGE", False)):
        page = analyst.get(f"{PAGE}?family={family}")
        assert "What was said, and what it should have been" in page.words
        assert (withheld in page.words, "In bold, what was confirmed" in page.words) == (not is_told, is_told)
        rows = csv.reader(io.StringIO(analyst.browser.get(f"{TABLE}?family={family}").text))
        cells = [row[:4] for row in rows if row[0] == "matrix"]
        assert cells == ([["matrix", "NORMAL", "NORMAL", str(LEAST_JUDGED)]] if is_told else [])
    assert "il ne doit rien dire d’un patient isolé" in meet(Role.ANALYST, "fr").get(PAGE).words


@pytest.mark.usefixtures("spoken")
def test_a_french_spreadsheet_opens_the_table(meet: Meet) -> None:
    analyst = meet(Role.ANALYST, "fr")
    [address] = [link for link in analyst.get(PAGE).links if TABLE in link]
    written = analyst.browser.get(address).content.decode("utf-8-sig")
    assert analyst.browser.get(address).content.startswith(b"\xef\xbb\xbf")
    head, *rows = csv.reader(io.StringIO(written), delimiter=";")
    assert head[:3] == ["figure", "of", "corrected"]
    [plain] = [link for link in meet(Role.ANALYST).get(PAGE).links if TABLE in link]
    usual = list(csv.reader(io.StringIO(analyst.browser.get(plain).text)))[1:]
    assert [[cell.replace(",", ".") for cell in row] for row in rows] == usual


def test_an_administrator_brings_a_file_and_reads_what_was_left_out(meet: Meet, school: School) -> None:
    admin = meet(Role.ADMIN)
    line = {
        "prediction_id": f"old {school.count(Feedback)}",
        "nurse_id": "7",
        "original_gravity": "VERT",
        "feedback_type": "upgrade",
        "corrected_gravity": "JAUNE",
        "patient_features": {"age": 50, "motif_consultation": "Toux"},
    }
    content = json.dumps(line).encode() + b"\n{broken\n"
    answer = admin.ask(PAGE, files={"file": ("feedback.jsonl", content)})
    assert answer.status_code == 200
    assert "1 kept to learn from" in answer.text
    assert "This line cannot be read." in answer.text
    written = [json.loads(each) for each in admin.browser.get(LINES).text.splitlines()]
    assert line["prediction_id"] in {each["prediction_id"] for each in written}
    assert admin.ask(PAGE).status_code == 422
    whole = json.dumps(line | {"prediction_id": "whole"}).encode() + b"\n" + (b" " * 9_999 + b"\n") * 99
    whole = whole.ljust(MAX_FILE_BYTES)
    assert admin.ask(PAGE, files={"file": ("feedback.jsonl", whole)}).status_code == 200
    other = meet(Role.ANALYST).ask(PAGE, files={"file": ("feedback.jsonl", whole)})
    assert other.status_code == 413, "of those who may not bring one nothing so large is read"


def test_a_site_that_cannot_train_has_no_button(meet: Meet) -> None:
    admin = meet(Role.ADMIN)
    assert "/models/retrain" not in {form.action for form in admin.get("/models").forms}
    refused = admin.post("/models/retrain", {"family": "TRIAGE"}, 403)
    assert "No training data is set up on this site" in refused.words
