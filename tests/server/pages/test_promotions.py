"""The page of champion and challenger: who sees it, what it says, and its one-click decisions."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from ml.registry.home import Home
from ml.registry.registry import Registry
from ml.segmentation.segments import Segment
from schema.models.models import Model, ModelAlias, ModelVersion
from schema.models.promotions import Comparison, Trial
from schema.policy import Role
from schema.types.base import global_id
from server.app import Application, close_services, create_app
from tests.schema.toys import deployed, registered, toy, toy_loader, toy_unet
from tests.server.conftest import installed
from tests.server.pages.conftest import Meet, key_of, read
from tests.server.pages.test_every_page import english_only, in_french, leftovers


def checks(primary: str, of_recall: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "of": of,
            "champion": 0.904,
            "challenger": 0.912,
            "value": value,
            "limit": limit,
            "at_most": at_most,
            "support": 412,
            "passed": passed,
        }
        for name, of, value, limit, at_most, passed in (
            (primary, None, -0.004, -0.01, False, True),
            ("recall", of_recall, -0.032, -0.01, False, False),
            ("ece", None, 0.002, 0.01, True, True),
            ("latency_ms", None, 1.1, 1.2, True, True),
        )
    ]


def compared(
    session: Session, at: datetime, champion: ModelVersion, challenger: ModelVersion, held: Any
) -> None:
    """Deploy a pair that was compared and found wanting."""
    deployed(session, lambda: at, challenger, ModelAlias.CHALLENGER)
    session.add(
        Comparison(
            model_id=champion.model_id,
            champion_id=champion.id or 0,
            challenger_id=challenger.id or 0,
            asked_at=at,
            finished_at=at,
            verdict={
                "incomparable": None,
                "passed": False,
                "examples": 4120,
                "clusters": 31,
                "left_out": 48,
                "checks": held,
            },
        )
    )


@pytest.fixture(scope="module")
def app(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """Return an application whose champions have challengers that were found wanting, one a past version."""
    home = Home(tmp_path_factory.mktemp("models"))
    registry = Registry(home.cache, home.key, lambda *_: None, loader=toy_loader)
    application = create_app(installed(blank, home.folder / "site"), registry)
    services = application.site.services
    with services.database.write() as session:
        now = services.clock()
        champion, challenger, past = (registered(session, services.clock, toy(home)) for _ in range(3))
        deployed(session, services.clock, champion).previous_id = past.id
        compared(session, now, champion, challenger, checks("macro_f1", "PVC"))
        seeing, blind = (
            registered(
                session, services.clock, toy_unet(home, blind=blind), "segmentation", classes=list(Segment)
            )
            for blind in (False, True)
        )
        deployed(session, services.clock, seeing)
        compared(session, now, seeing, blind, checks("mean_dice", "enhancing"))
    yield application
    close_services(services)


def test_strangers_sign_in_and_students_are_refused(meet: Meet) -> None:
    assert meet().browser.get("/models/beats").status_code == 303
    for role in (Role.STUDENT, Role.CLINICIAN):
        meet(role).get("/models/beats", 403)
    meet(Role.ADMIN).get("/models/hearts", 404)
    meet(Role.ADMIN).get("/models/triage", 404)


def test_whoever_may_see_models_sees_how_the_challenger_stands_but_decides_nothing(meet: Meet) -> None:
    page = meet(Role.ANALYST).get("/models/beats")
    assert "On held-out data at least one condition fails." in page.words
    assert "It has not answered often enough in the shadow." in page.words
    assert "An administrator decides about every promotion." in page.words
    assert [form.action for form in page.forms if form.action.startswith("/models/")] == []


def test_each_condition_is_shown_with_its_figures_and_its_limit(meet: Meet) -> None:
    words = meet(Role.ANALYST).get("/models/beats").words
    assert "4,120 examples of 31 patients; 48 files, visits or examinations left out" in words
    for told in ("90.4%", "91.2%", "-3.2 pt", "≥ -1 pt", "× 1.1", "≤ × 1.2", "lower bound (95%) of the gain"):
        assert told in words, told
    assert (words.count("passed"), words.count("failed")) == (3, 1)
    assert "the rule asks for 50" in words


def test_a_challenger_the_rule_refuses_is_promoted_only_with_a_reason(meet: Meet) -> None:
    admin = meet(Role.ADMIN)
    page = admin.get("/models/beats")
    assert "Not while the rule says no." in page.words
    refused = read(admin.press(page, "/models/beats/promote"), 422)
    assert re.search(r'<textarea[^>]*name="overrideReason"[^>]* data-focus', refused.html)
    assert "Say why it is to be all the same." in refused.error("overrideReason")
    long = read(admin.press(page, "/models/beats/promote", overrideReason="x" * 501), 422)
    assert long.error("overrideReason") == "Error: At most 500 characters."
    assert long.values["overrideReason"] == "x" * 501
    assert re.search(r'<details class="disclosure" open><summary>Promote all the same', long.html)
    assert not re.search(r'<details class="disclosure" open><summary>Promote all the same', page.html)
    done = admin.follow(admin.press(refused, "/models/beats/promote", overrideReason="Essai."))
    assert "The challenger answers from now on." in done.words
    assert "<dt>override</dt><dd>Essai.</dd>" in admin.get("/audit?action=model.promoted").html
    back = admin.follow(admin.press(done, "/models/beats/rollback"))
    assert "The version before answers again." in back.words


def test_an_a_b_test_begins_with_one_click_and_asks_before_it_ends(app: Application, meet: Meet) -> None:
    admin = meet(Role.ADMIN)
    begun = admin.follow(admin.press(admin.get("/models/beats"), "/models/beats/trial", share="20"))
    assert "the challenger answers 20% of the cases, visits and examinations" in begun.words
    assert "Too little traffic to decide yet" in begun.words
    assert "0 of the 13,469 subjects" in begun.words
    asked = re.findall(r'<details class="confirm">\s*<summary[^>]*>([^<]+)<', begun.html)
    assert asked == ["Stop the test", "Begin another test"]
    assert "The test cannot go on" in begun.words
    ended = admin.follow(admin.press(begun, "/models/beats/stop"))
    assert '<details class="confirm">' not in ended.html, "nothing is under way"
    assert "The A/B test has ended." in ended.words
    wrong = admin.post("/models/beats/trial", {"modelId": _model(app), "share": "80"})
    assert "Choose a value between 1 and 50." in wrong.words
    with app.site.services.database.read() as session:
        [trial] = session.exec(select(Trial).where(col(Trial.model_id) == key_of(_model(app)))).all()
    assert (trial.share, trial.stopped_at is not None) == (20, True)


def test_the_policy_is_off_until_an_administrator_says_otherwise(meet: Meet) -> None:
    admin = meet(Role.ADMIN)
    page = admin.get("/models/beats")
    assert "checked" not in page.html.partition('name="automatic" value="true"')[2].partition(">")[0]
    saved = admin.follow(admin.press(page, "/models/beats/policy", automatic="true"))
    assert "The policy is saved." in saved.words
    assert "checked" in saved.html.partition('name="automatic" value="true"')[2].partition(">")[0]
    admin.press(saved, "/models/beats/policy", automatic="false")


def test_in_french_the_policy_is_a_choice_of_who_decides(meet: Meet) -> None:
    admin = meet(Role.ADMIN, "fr")
    page = admin.get("/models/beats")
    assert "Qui décide des promotions Promotion automatique des challengers" in page.words
    saved = admin.follow(admin.press(page, "/models/beats/policy", automatic="false"))
    assert "Le choix est enregistré." in saved.words
    assert "olitique" not in saved.words


def test_a_comparison_is_asked_for_and_its_wait_is_said(app: Application, meet: Meet) -> None:
    admin = meet(Role.ADMIN)
    asked = admin.follow(admin.press(admin.get("/models/beats"), "/models/beats/compare"))
    assert "They are being compared. Reload in a few minutes." in asked.words
    with app.site.services.database.write() as session:
        row = session.exec(select(Comparison).where(col(Comparison.finished_at).is_(None))).one()
        row.finished_at, row.verdict = app.site.services.clock(), {"incomparable": "all_learnt", "checks": []}
    assert "has learnt from all of the held-out data" in admin.get("/models/beats").words
    with app.site.services.database.write() as session:
        session.delete(row)  # the other tests are of the first comparison


def _model(app: Application) -> str:
    with app.site.services.database.read() as session:
        return global_id("Model", session.exec(select(Model.id).where(Model.family == "beats")).one() or 0)


def test_the_page_is_sound_in_french(meet: Meet) -> None:
    admin = in_french(meet(Role.ADMIN))
    page = admin.get("/models/beats")
    assert leftovers(page, english_only()) == set()
    assert "Promouvoir malgré tout" in page.words


def test_segmentations_stand_on_the_same_page_with_their_own_figures(meet: Meet) -> None:
    admin = in_french(meet(Role.ADMIN))
    assert "/models/segmentation" in admin.get("/models").links
    page = admin.get("/models/segmentation")
    assert leftovers(page, english_only()) == set()
    for told in (
        "Dice, moyenne des parties",
        "90,4",
        "Rappel (sensibilité), Tumeur rehaussée",
        "dont les images sont conservées",
        "Il n’a pas pu être essayé en mode fantôme",
        "la règle demande 50 examens de ce genre",
    ):
        assert told in page.words, told
    done = admin.follow(admin.press(page, "/models/segmentation/promote", overrideReason="Essai."))
    back = admin.follow(admin.press(done, "/models/segmentation/rollback"))
    assert "La version précédente répond de nouveau" in back.words
    begun = admin.follow(admin.press(back, "/models/segmentation/trial", share="20"))
    admin.follow(admin.press(begun, "/models/segmentation/stop"))


def test_where_a_version_is_in_use_clinicians_are_offered_to_have_images_segmented(meet: Meet) -> None:
    clinician = meet(Role.CLINICIAN)
    assert "/segmentations/launch" in clinician.get("/segmentations").links
    page = clinician.get("/segmentations/launch")
    assert "Keep the images" in page.words
    assert "No model is in use" not in page.words
    assert "/segmentations/launch" not in meet(Role.ANALYST).get("/segmentations").links
