"""The page on which models are watched: who opens it, what it shows, and the same figures as files."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ml.monitoring.reference import Reference
from schema.models.models import Model, ModelVersion
from schema.models.predictions import Feedback, FeedbackType, Prediction
from schema.policy import Role
from schema.services.accounts import Accounts
from schema.services.day_books import enter
from schema.services.feedback_statistics import LEAST, LEAST_JUDGED
from schema.types.base import global_id
from server.app import Application, close_services, create_app
from server.pages import live
from server.pages.live import REFUSED
from tests.server.conftest import installed
from tests.server.pages.conftest import Meet

PAGE, CSV, PARQUET = "/monitoring", "/monitoring.csv", "/monitoring.parquet"
VERSION = global_id("ModelVersion", 1)
REFERENCE = Reference.of(
    [{"age": 20.0 + each % 60, "quality": "high"} for each in range(600)], ["age"], ["quality"]
)


@pytest.fixture(scope="module")
def app(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """Return an application of the module's own, since figures are of everybody; it has a language model."""
    settings = installed(blank, tmp_path_factory.mktemp("watched"))
    application = create_app(settings.model_copy(update={"openai_base_url": "http://127.0.0.1:9/v1"}))
    _predicted(application)
    yield application
    close_services(application.site.services)


def _predicted(app: Application) -> None:
    """Have a version answer 60 visits yesterday, of older patients than it learnt from; one fails today."""
    services = app.site.services
    now, numbers = services.clock(), count()
    yesterday = now - timedelta(days=1)

    def visit(at: datetime, **given: Any) -> Prediction:
        usual: dict[str, Any] = {
            "family": "triage",
            "asked_by": 1,
            "alias": "champion",
            "input_sha256": "0" * 64,
            "ml_available": True,
            "version_id": 1,
            "latency_ms": 20,
            "quality": "high",
            "level": "3B",
            "confidence": 0.85,
            "slices": ["sex:F", "age:18"],
            "watched": list(REFERENCE.places({"age": 88.0, "quality": "high"})),
            "visit": {"complaint": "Toux de M. Durand"},
            "created_at": at,
        }
        return Prediction(**usual | given)

    with services.database.write() as session:
        hashed = app.site.authentication.passwords.new("correct horse battery")
        Accounts(session, services.clock).create("Luc", Role.CLINICIAN, "luc@example.org", hashed)
        model = Model(family="triage", created_at=now)
        session.add(model)
        session.flush()
        session.add(
            ModelVersion(
                model_id=model.id or 0, number=7, reference=REFERENCE.to_bytes().decode(), created_at=now
            )
        )
        session.flush()
        said = [visit(yesterday) for _ in range(45)]
        said += [visit(yesterday, level="2", quality="low", latency_ms=900) for _ in range(15)]
        failed = {"version_id": None, "ml_available": False, "ml_error": "loading", "confidence": None}
        said += [visit(now, slices=["sex:M", "age:2"], **failed)]
        beats = {"version_id": None, "level": None, "counts": {"Normal": 12, "PVC": 3}, "latency_ms": 12_000}
        earlier = {"family": "beats", "slices": ["leads:2"]}
        said += [visit(now - timedelta(days=10), **earlier, **beats) for _ in range(LEAST_JUDGED)]
        for made in said:
            session.add(made)
            session.flush()
            enter(session, made)
        for made in said[:LEAST]:
            kind = FeedbackType.UPGRADE if next(numbers) < 6 else FeedbackType.CORRECT
            given: dict[str, Any] = {
                "family": made.family,
                "version_id": made.version_id,
                "reader": str(made.id),
                "type": kind.value,
                "original": "3B",
                "created_at": yesterday,
            }
            session.add(Feedback(prediction_id=made.id or 0, reason="M. Durand", **given))


def _today(app: Application) -> date:
    return app.site.services.clock().astimezone(UTC).date()


def test_strangers_and_who_may_not_read_statistics_see_nothing(meet: Meet) -> None:
    for path in (PAGE, CSV, PARQUET):
        assert meet().browser.get(path).headers["location"] == f"/sign-in?next={path}"
        for role in (Role.STUDENT, Role.CLINICIAN):
            meet(role).get(path, 403)
        assert meet(Role.TEACHER).browser.get(path).status_code == 200


def test_analysts_and_administrators_find_it_in_the_menu(meet: Meet) -> None:
    for role in Role:
        shown = PAGE in meet(role).get("/account").links
        assert shown is (role in {Role.ANALYST, Role.ADMIN})


def test_an_analyst_sees_figures_and_no_row(meet: Meet) -> None:
    page = meet(Role.ANALYST).get(f"{PAGE}?family=TRIAGE&days=7")
    for told in (
        "61 Predictions",
        "98.4% Answers obtained",
        "The model was still loading",
        "18 to 64 years",
        "Groups of fewer than 30 predictions are left out.",
    ):
        assert told in page.words or _turned(told) in page.words, told
    assert "Found wrong, of 30 opinions" in page.words
    assert "20%" in page.words
    assert "9.1% to 38.5%" in page.words
    assert "version 7" in page.words
    assert "Durand" not in page.html
    assert "Toux" not in page.html


def _turned(words: str) -> str:
    """Return a tile as its source has it: the word before the figure."""
    figure, _space, word = words.partition(" ")
    return f"{word}{figure}"


def test_each_plot_has_a_name_words_and_a_table_of_its_own(meet: Meet) -> None:
    page = meet(Role.ANALYST).get(f"{PAGE}?family=TRIAGE&days=7")
    drawn = re.findall(
        r'<svg class="plot-frame" role="img" aria-label="([^"]+)" aria-describedby="([^"]+)"', page.html
    )
    assert [each for each, _said in drawn][:4] == [
        "Predictions a day",
        "Answers obtained",
        "Time of an answer",
        "Confidence",
    ]
    for name, said in drawn:
        assert said in page.ids
        assert f'aria-label="Figures: {name}"' in page.html
    assert page.html.count('class="panel panel-flush plot-table" tabindex="0"') == len(drawn)


def test_bars_and_lines_are_where_the_figures_are(meet: Meet) -> None:
    html = meet(Role.ANALYST).get(f"{PAGE}?family=TRIAGE&days=7").html
    heights = re.findall(
        r'data-part="(\d)" x="([\d.]+)%" y="([\d.]+)%" width="[\d.]+%" height="([\d.]+)%"', html
    )
    assert heights[:2] == [("1", "73.21", "0.0", "100.0"), ("2", "87.5", "98.33", "1.67")]


def test_days_may_be_chosen_and_what_cannot_be_counted_is_said(meet: Meet, app: Application) -> None:
    analyst, today = meet(Role.ANALYST), _today(app)
    only = analyst.get(f"{PAGE}?family=TRIAGE&since={today}&until={today}")
    assert only.values["since"] == only.values["until"] == today.isoformat()
    assert _turned("1 Predictions") in only.words
    wrong = {
        f"since={today}&until={today - timedelta(days=1)}": (
            "until",
            "The last day is before the first one.",
        ),
        f"since={today - timedelta(days=366)}&until={today}": (
            "since",
            "A year at most: choose a later day.",
        ),
        f"since={today}": ("until", "Choose the last day."),
        f"since=0001-01-01&until={today}": ("since", "Choose the first day."),
        f"since=yesterday&until={today}": ("since", "Choose the first day."),
    }
    for asked, (field, said) in wrong.items():
        assert analyst.get(f"{PAGE}?{asked}", 422).error(field) == f"Error: {said}"
        assert analyst.browser.get(f"{CSV}?{asked}").status_code == 400


def test_a_version_is_watched_alone_and_one_that_there_is_not_is_missing(meet: Meet) -> None:
    analyst = meet(Role.ANALYST)
    assert _turned("60 Predictions") in analyst.get(f"{PAGE}?family=TRIAGE&version={VERSION}").words
    for path in (PAGE, CSV, PARQUET):
        for version in ("nothing", global_id("ModelVersion", 99), global_id("Case", 1)):
            assert analyst.browser.get(f"{path}?version={version}").status_code == 404


def test_beats_are_told_by_class_and_slow_answers_in_seconds(meet: Meet) -> None:
    page = meet(Role.ANALYST).get(f"{PAGE}?family=BEATS")
    assert "Ventricular premature beat" in page.words
    assert "2 leads" in page.words
    assert re.search(r"\b1[12]\.\d s\b", page.words)


def test_it_speaks_french(meet: Meet) -> None:
    page = meet(Role.ANALYST, "fr").get(f"{PAGE}?family=TRIAGE&days=7")
    assert page.headings == ["Surveillance des modèles"]
    for said in (
        "Réponses obtenues",
        "De 18 à 64\u00a0ans",
        "Femmes",
        "Les groupes de moins de 30 prédictions sont omis.",
        "Le modèle était en cours de chargement",
    ):
        assert said in page.html
    assert "Entre 0\u00a0% et 100\u00a0%" in page.html


def test_nothing_yet_is_said_and_how_it_begins(meet: Meet) -> None:
    page = meet(Role.ANALYST).get(f"{PAGE}?family=SEGMENTATION")
    assert "No prediction in these days" in page.words
    assert 'aria-label="Predictions a day"' not in page.html


def test_drift_is_told_where_a_version_came_with_a_reference(meet: Meet) -> None:
    analyst = meet(Role.ANALYST)
    page = analyst.get(f"{PAGE}?family=TRIAGE&version={VERSION}&days=7")
    assert "1 feature does not look like what version 7 learnt from." in page.words
    assert re.search(r"Age\s+Drift", page.words)
    assert "Nothing to foresee" in page.words
    past = f"{PAGE}?family=TRIAGE&since=2020-01-01&until=2020-01-31"
    assert "Nothing to foresee" not in analyst.get(past).words
    assert "No version answers" in analyst.get(f"{PAGE}?family=BEATS").words
    assert "Too few predictions to compare (0)" in analyst.get(f"{past}&version={VERSION}").words


def test_what_ends_today_is_live_and_what_has_ended_is_not(meet: Meet, app: Application) -> None:
    analyst, today = meet(Role.ANALYST), _today(app)
    address = 'hx-sse:connect="/monitoring/live?family=TRIAGE&amp;days=7"'
    assert address in analyst.get(f"{PAGE}?family=TRIAGE&days=7").html
    week = f"since={today - timedelta(days=6)}&until={today}"  # as the form sends it, untouched
    assert address in analyst.get(f"{PAGE}?family=TRIAGE&version=&{week}").html
    assert "hx-sse:connect" not in analyst.get(f"{PAGE}?family=TRIAGE&since={today}&until={today}").html


def test_what_is_shown_follows_what_happens(
    meet: Meet, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    for visitor in (meet(), meet(Role.STUDENT), meet(Role.CLINICIAN)):
        assert visitor.browser.get(f"{PAGE}/live").text == REFUSED
    analyst, stopping = meet(Role.ANALYST), app.site.stopping
    assert analyst.browser.get(f"{PAGE}/live?version=nothing").status_code == 404

    async def seen_and_leaving(*_asked: object) -> bool:
        stopping.ask()
        return True

    monkeypatch.setattr(stopping, "asked", False)
    monkeypatch.setattr(live, "look_again", seen_and_leaving)
    sent = analyst.browser.get(f"{PAGE}/live?family=TRIAGE&days=7").text
    assert "data: " in sent
    assert "Predictions a day" in sent
    assert "<h1" not in sent
    assert "id: " not in sent.splitlines()


def test_the_same_figures_are_a_file_to_calculate_with(meet: Meet, app: Application, tmp_path: Path) -> None:
    analyst, yesterday = meet(Role.ANALYST), _today(app) - timedelta(days=1)
    asked = "?family=TRIAGE&days=7"
    text = analyst.browser.get(CSV + asked)
    since = _today(app) - timedelta(days=6)
    name = f'attachment; filename="monitoring-triage-{since}-{_today(app)}'
    assert text.headers["content-disposition"] == f'{name}.csv"'
    head, *lines = csv.reader(io.StringIO(text.text))
    assert head == ["family", "version", "figure", "day", "name", "n", "value", "low", "high"]
    path = tmp_path / "figures.parquet"
    packed = analyst.browser.get(PARQUET + asked)
    assert packed.headers["content-disposition"] == f'{name}.parquet"'
    path.write_bytes(packed.content)
    with duckdb.connect() as read:
        rows = read.read_parquet(str(path)).fetchall()
        found = read.execute(
            "SELECT n, round(value, 3) FROM read_parquet(?) WHERE figure = 'found_wrong' AND day IS NULL",
            [str(path)],
        ).fetchall()
        levels = read.execute(
            "SELECT name, n FROM read_parquet(?) WHERE figure = 'class' AND day = ? ORDER BY name",
            [str(path), yesterday],
        ).fetchall()
    assert [["" if cell is None else str(cell) for cell in row] for row in rows] == lines
    assert found == [(30, 0.2)]
    assert levels == [("TRI_2", 15), ("TRI_3B", 45)]
    assert ("TRIAGE", 7, "version_predictions", None, None, 60, None, None, None) in rows
    assert "Durand" not in text.text
    french = analyst.browser.get(f"{CSV}{asked}&decimal=comma").content.decode()
    assert french.startswith("\ufefffamily;version;figure;day;")
    cells = [row.split(";") for row in french.splitlines()[1:]]
    assert [[cell.replace(",", ".") for cell in row] for row in cells] == lines
    assert any("," in row[6] for row in cells)
    analyst.get(f"{CSV}?since=2026-11-20&until=2026-11-10&decimal=comma", 400)


def test_what_language_models_cost_is_told_by_day(meet: Meet, app: Application) -> None:
    analyst, budget = meet(Role.ANALYST), app.site.services.budget
    assert budget is not None
    assert "cost nothing in these days" in analyst.get(PAGE).words
    account = budget.reserve(200_000)
    assert account is not None
    budget.settle(account, 200_000, 1_500)
    page = analyst.get(f"{PAGE}?family=SEGMENTATION")  # also where nothing is predicted
    assert 'aria-label="What language models cost a day, whatever the model"' in page.html
    assert "0.0015" in page.words
