"""Every page in both languages: nothing left untranslated, nothing `None`, sound for screen readers."""

import re

import pytest
from babel.messages.pofile import read_po

from ml.pacs.archives import DicomWeb
from schema.models.cases import Recording
from schema.policy import Role
from schema.types.base import global_id
from server.app import Application
from server.i18n import LOCALE_FOLDER
from tests.server.pages.conftest import Meet, School, Visitor, key_of, png
from tests.server.pages.reading import Page
from tests.server.pages.test_contests import contested
from tests.server.pages.test_jobs import bmp, worked_off
from tests.server.pages.test_webhooks import made

SHARED = {
    "Normal",
    "Sessions",
    "Concept",
    "Concepts",
    "Session",
    "Expert",
    "Description",
    "Actions",
    "Action",
    "Audit",
    "Date",
    "Page",
}
"""Words both languages write alike."""


@pytest.fixture
def app(own_app: Application) -> Application:
    """Return an application with an archive, of the test's own: which ontology is in use concerns all."""
    web = DicomWeb("dicomweb", "http://127.0.0.1:1", stores=True)
    own_app.site.services.archives = {"Enseignement": web}
    return own_app


@pytest.fixture
def pages(meet: Meet, school: School, teacher: Visitor) -> dict[Role | None, list[str]]:
    """Return the address of every page by who opens it, each with something on it."""
    expert, edited = meet(Role.EXPERT), f"/concepts/{global_id('Concept', 'LBBB')}"
    ontology = school.ontology(expert)
    case, draft = (
        school.validated("Bloc gauche", ["LBBB", "SINUS_RHYTHM"]),
        school.draft("Brouillon", 2, ["LBBB"]),
    )
    empty, archived = school.draft("Vide"), school.archived()
    session = school.session([case], name="Session une")
    closed = school.session([case], name="Session deux", show_feedback=False)
    first, second = meet(Role.STUDENT), meet(Role.STUDENT)
    done, busy = school.handed_in(session, first), school.begun(session, second)
    hidden = school.handed_in(closed, first)
    contests = [contested(school, first, done, concept) for concept in ("LBBB", "SINUS_RHYTHM")]
    [recording] = school.rows(Recording, case_id=key_of(case))
    beats = f"/cases/{case}/recordings/{global_id('Recording', recording.id)}/beats"
    ruling = {"revision": "1", "verdict": "FOUND", "explanation": "Relu."}
    teacher.ask(f"/contests/{contests[1]}/rule", ruling)
    teacher.ask("/account/tokens", {"name": "LMS", "scopes": "PROFILE"})
    webhook = made(teacher)
    teacher.ask(f"{webhook}/test")
    jobs = [
        teacher.leads(f"/sessions/{session}/import", files={"file": ("a.csv", b"email\nx@example.org")}),
        teacher.leads("/exports"),
        teacher.leads(
            "/builder/batch",
            {"grouping": "EACH"},
            files=[("files", ("a.bmp", bmp())), ("files", ("b", b"x"))],
        ),
    ]
    worked_off(teacher.app)
    jobs.append(teacher.leads("/exports", {"sessionId": session}))
    steps = [f"/builder/{each}/{step}" for each in (draft, empty) for step in STEPS]
    pictured = f"/builder/{school.draft('Photographie')}/import"
    imported = teacher.leads(pictured, files=[("files", ("a.png", png()))])
    tried = (
        "step=rotate,1&step=rotate,2&step=rotate,3&step=straighten,2&step=crop,0,0,50,50&step=mask,0,0,50,50"
    )
    [editing] = [each for each in teacher.get(imported.partition("#")[0]).links if each.endswith("/edit")]
    return {
        None: ["/sign-in", "/nothing-here"],
        Role.TEACHER: [
            "/",
            "/builder/new",
            "/builder/batch",
            "/builder/pacs",
            *steps,
            editing,
            f"{editing}?draft=1&{tried}",
            f"/builder/{draft}/annotate?category=RHYTHM",
            "/builder/session",
            f"/builder/session?case={case}",
            f"/builder/done/{session}",
            "/cases",
            *(f"/cases/{each}" for each in (case, draft, empty, archived)),
            "/sessions",
            f"/sessions/{session}",
            f"/sessions/{closed}",
            f"/review/{done}",
            f"/review/{busy}",
            "/contests",
            *(f"/contests/{each}" for each in contests),
            "/account",
            "/webhooks",
            webhook,
            f"{webhook}?state=DEAD",
            "/held",
            school.held(draft),
            "/jobs",
            *jobs,
            f"/sessions/{session}/import",
            "/accounts",
            "/audit",
            "/matcher",
            beats,
            f"{beats.removesuffix('beats')}send",
            teacher.leads(beats),
            "/models",
            "/statistics/feedback",
            "/statistics/feedback?family=BEATS",
            "/monitoring",
            "/monitoring?family=BEATS&days=7",
        ],
        meet(Role.ANALYST): [
            "/models",
            "/monitoring/reports",
            "/models/triage/runs",
            "/models/triage/runs/listed",
        ],  # type: ignore[dict-item]
        first: [  # type: ignore[dict-item]
            "/",
            "/learn",
            f"/attempts/{done}/result",
            f"/attempts/{hidden}/result",
            "/account",
            "/api",
            "/api?search=case+name",
            "/api?search=zzzzzzzz",
            "/api/types/Mutation",
            "/api/types/ConceptMatching",
            "/api/types/CreateCaseResult",
            "/api/types/Node",
            "/api/types/Theme",
            "/api/types/CreateSessionInput",
            "/api/changes",
        ],
        expert: [  # type: ignore[dict-item]
            "/concepts",
            "/concepts?search=bloc&category=CONDUCTION",
            "/concepts?search=zzzzzzzz",
            "/concepts/new",
            edited,
            f"{edited}/edit",
            "/ontologies",
            f"/ontologies/{ontology}",
            f"/ontologies/{ontology}?faults=all",
        ],
        second: ["/learn", f"/attempts/{busy}/1", f"/attempts/{busy}/1?q=bloc"],  # type: ignore[dict-item]
    }


STEPS = ("import", "annotate", "validate")


def in_french(visitor: Visitor) -> Visitor:
    """Let somebody choose French, as the menu does."""
    visitor.ask("/preferences", {"language": "fr", "next": "/"})
    return visitor


def english_only() -> set[str]:
    """Return the English sentences that read otherwise in French."""
    with (LOCALE_FOLDER / "fr" / "LC_MESSAGES" / "messages.po").open("rb") as lines:
        messages = [message for message in read_po(lines, locale="fr") if message.id]
    singles = {(m.id, m.string) for m in messages if isinstance(m.id, str) and isinstance(m.string, str)}
    return {
        said
        for said, french in singles
        if french and said != french and len(said) > 5 and "%(" not in said and said not in SHARED
    }


def leftovers(page: Page, english: set[str]) -> set[str]:
    """Return the English sentences a page still shows, as whole pieces of text or labels.

    What says that it is English, such as the API's names and their descriptions, is meant to be.
    """
    html = re.sub(r'<(code|span|h1) lang="en">.*?</\1>', "", page.html, flags=re.DOTALL)
    pieces = {" ".join(piece.split()) for piece in re.findall(r">([^<>]+)<", html)}
    pieces |= set(re.findall(r'(?:aria-label|title|placeholder)="([^"]+)"', page.html))
    return pieces & english


def test_every_page_is_sound_in_both_languages(
    meet: Meet, teacher: Visitor, pages: dict[Role | None, list[str]]
) -> None:
    english = english_only()
    assert len(english) > 100
    people = {None: meet(), Role.TEACHER: teacher}
    for who, addresses in pages.items():
        visitor = people.get(who) or who
        assert isinstance(visitor, Visitor)
        for language in ("en", "fr"):
            if language == "fr":
                visitor.browser.headers["accept-language"] = "fr"
                if who is not None:
                    in_french(visitor)
            for address in addresses:
                status = {"/nothing-here": 404, "/audit": 403}.get(address, 200)
                page = visitor.get(address, status)
                assert f'<html lang="{language}"' in page.html, address
                if language == "fr":
                    assert leftovers(page, english) == set(), address
