"""A teacher and students on the real pages; every page they see is checked for what every page must be."""

import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import pytest
from httpx2 import Response
from PIL import Image
from sqlmodel import Session, select
from starlette.testclient import TestClient

from ml.language.checking import Fault
from ml.language.concepts import Category, Concept, Kind
from ml.language.importing import Imported
from ml.language.ontology import Ontology
from schema.models.cases import AnnotationRole, Case, CaseCategory, Difficulty, RecordingTiming
from schema.models.held_pages import HeldPage
from schema.models.training import SessionDifficulty, TrainingSession
from schema.policy import Actor, Role
from schema.services.accounts import Accounts
from schema.services.annotations import Annotations, NewAnnotation
from schema.services.answers import Answers, Draft
from schema.services.attempts import Attempts
from schema.services.cases import Cases
from schema.services.editions import add_edit, shipped_line
from schema.services.enrolments import Enrolments
from schema.services.intake import HELD
from schema.services.ontologies import Ontologies
from schema.services.sessions import SessionFields, Sessions
from schema.types.base import global_id, split_id
from server.app import Application
from server.context import FORM_TOKEN
from tests.schema.training import recording
from tests.server.conftest import HASHED, PASSWORD, browser
from tests.server.pages.reading import Page

FRAGMENT = {"hx-request": "true", "hx-request-type": "partial"}
numbers = count(1)

Meet = Callable[..., "Visitor"]


class Visitor:
    """Somebody at a browser, signed in or not; an answer that is no good page fails the test."""

    def __init__(self, app: Application, role: Role | None, language: str) -> None:
        self.app = app
        self.browser: TestClient = browser(app)
        self.token = ""
        self.language = language
        self.browser.headers["accept-language"] = language
        if role is not None:
            self._join(role)

    @property
    def csrf(self) -> str:
        return self.app.site.signer.sign(FORM_TOKEN, self.token)

    def get(self, path: str, status: int = 200) -> Page:
        """Open a page."""
        return read(self.browser.get(path), status)

    def part(self, path: str) -> Page:
        """Open a page as htmx does."""
        page = read(self.browser.get(path, headers=FRAGMENT), 200)
        assert "<html" not in page.html
        return page

    def ask(self, path: str, data: Mapping[str, Any] | None = None, **options: Any) -> Response:
        """Post what a page of this visitor would post."""
        found: Response = self.browser.post(path, data={"csrf_token": self.csrf, **(data or {})}, **options)
        return found

    def post(
        self, path: str, data: Mapping[str, Any] | None = None, status: int = 422, **options: Any
    ) -> Page:
        """Post a form that is answered with a page."""
        return read(self.ask(path, data, **options), status)

    def leads(self, path: str, data: Mapping[str, Any] | None = None, **options: Any) -> str:
        """Post a form that leads on; return where."""
        answer = self.ask(path, data, **options)
        assert answer.status_code == 303, (answer.status_code, Page(answer.text).words)
        where: str = answer.headers["location"]
        return where

    def press(
        self, page: Page, action: str, button: tuple[str, str] | None = None, /, **changed: Any
    ) -> Response:
        """Send a form of a page as a browser does, some fields changed; only fields the form has."""
        form = page.form(action, button)
        assert set(changed) <= form.names
        data: dict[str, list[str]] = {}
        for name, value in form.fields:
            data.setdefault(name, []).append(value)
        data |= {name: value if isinstance(value, list) else [value] for name, value in changed.items()}
        if button is not None:
            data[button[0]] = [button[1]]
        found: Response = self.browser.post(action, data=data)
        return found

    def follow(self, answer: Response) -> Page:
        """Go where an answer leads."""
        assert answer.status_code == 303, (answer.status_code, Page(answer.text).words)
        return self.get(answer.headers["location"].partition("#")[0])

    def _join(self, role: Role) -> None:
        site, number = self.app.site, next(numbers)
        self.name, self.email = f"{role.value.title()} Pagès {number}", f"reader{number}@example.org"
        with site.services.database.write() as session:
            accounts = Accounts(session, site.services.clock)
            account = accounts.create(self.name, role, self.email, HASHED, language=self.language)
            self.actor = Actor(account.id or 0, role, self.name, self.language)
        self.token = site.authentication.sign_in(self.email, PASSWORD, f"10.{number // 250}.8.{number % 250}")
        self.browser.cookies.set("chevet_session", self.token, domain="testserver.local")


def read(answer: Response, status: int) -> Page:
    """Return a page that has the status and none of the faults no page may have."""
    page = Page(answer.text)
    assert answer.status_code == status, page.words
    assert page.faults() == []
    if answer.text.startswith("<!doctype html>"):
        assert len(page.headings) == 1
        assert page.title.removesuffix(" – Chevet").strip()
    return page


class School:
    """What happened before the page is opened, through the services."""

    def __init__(self, app: Application, teacher: Visitor) -> None:
        self.app = app
        self.teacher = teacher
        self.services = app.site.services
        self.clock = self.services.clock

    def do(self, work: Callable[[Session], Any]) -> Any:
        with self.services.database.write() as session:
            return work(session)

    def cases(self, session: Session) -> Cases:
        return Cases(session, self.teacher.actor, self.clock, self.services.ontology)

    def draft(
        self, name: str = "Syncope à l’effort", recordings: int = 0, concepts: Sequence[str] = ()
    ) -> str:
        """Begin a case and return its id."""

        def work(session: Session) -> int:
            cases = self.cases(session)
            case = cases.create(name, CaseCategory.OTHER, Difficulty.BEGINNER, "Homme de 62 ans.")
            for place in range(recordings):
                session.add(placed(case.id or 0, place))
            added = [NewAnnotation(code, role=AnnotationRole.SCORED) for code in concepts]
            Annotations(session, cases, self.clock, self.services.ontology).add(case.id or 0, added)
            return case.id or 0

        return global_id("Case", self.do(work))

    def held(self, case: str) -> str:
        """Have a page of a case wait to be settled; return its address."""
        region = {"kind": "name", "left": 0.1, "top": 0.1, "right": 0.4, "bottom": 0.2}

        def work(session: Session) -> int:
            page = HeldPage(
                owner_id=self.teacher.actor.account_id,
                case_id=key_of(case),
                timing=RecordingTiming.INITIAL.value,
                picture_key="0" * 64,
                media_type="image/png",
                width=640,
                height=400,
                search="done",
                regions=[region],
                created_at=self.clock(),
                expires_at=self.clock() + HELD,
            )
            session.add(page)
            session.flush()
            return page.id or 0

        return f"/held/{global_id('HeldPage', self.do(work))}"

    def validated(self, name: str = "Bloc de branche gauche", concepts: Sequence[str] = ("LBBB",)) -> str:
        """Validate a case with one recording and return its id."""
        case_id = self.draft(name, 1, concepts)
        self.do(
            lambda session: self.cases(session).validate(key_of(case_id), self.row(Case, case_id).revision)
        )
        return case_id

    def archived(self) -> str:
        case_id = self.draft("Rangé", 1, ("LBBB",))
        self.do(lambda session: self.cases(session).archive(key_of(case_id)))
        return case_id

    def session(self, cases: Sequence[str] = (), **fields: Any) -> str:
        """Make a session of cases, or of one new case, and return its id."""
        usual: dict[str, Any] = {
            "name": "Lundi matin",
            "difficulty": SessionDifficulty.BEGINNER,
            "time_limit_minutes": 20,
        }
        chosen = [key_of(case) for case in cases or [self.validated()]]
        made = self.do(
            lambda session: (
                Sessions(session, self.teacher.actor, self.clock)
                .create(SessionFields(**usual | fields), chosen)
                .id
            )
        )
        return global_id("Session", made)

    def code(self, session_id: str) -> str:
        return str(self.row(TrainingSession, session_id).join_code)

    def enrolled(self, session_id: str, student: Visitor) -> str:
        """Let a student join and return the enrolment's id."""
        code = self.code(session_id)
        joined = self.do(lambda session: Enrolments(session, student.actor, self.clock).join(code).id)
        return global_id("Enrolment", joined)

    def begun(self, session_id: str, student: Visitor) -> str:
        """Let a student begin and return the attempt's id."""
        enrolment = key_of(self.enrolled(session_id, student))
        started = self.do(lambda session: Attempts(session, student.actor, self.clock).start(enrolment).id)
        return global_id("Attempt", started)

    def answered(self, attempt_id: str, student: Visitor, text: str, picked: Sequence[str] = ()) -> None:
        """Save the first answer."""
        draft = Draft.checked(text, picked, self.services.ontology)
        self.do(
            lambda session: Answers(session, student.actor, self.clock).save(key_of(attempt_id), 1, draft, 0)
        )

    def handed_in(
        self,
        session_id: str,
        student: Visitor,
        text: str = "Bloc de branche gauche",
        picked: Sequence[str] = (),
    ) -> str:
        """Let a student answer the first case, hand in, and return the attempt's id."""
        attempt_id = self.begun(session_id, student)
        self.answered(attempt_id, student, text, picked)
        self.services.submissions.submit(student.actor, key_of(attempt_id), "by-the-test")
        return attempt_id

    def ontology(self, expert: Visitor) -> str:
        """Edit a concept, import an ontology with a fault, and return the imported one's id."""
        llama = Concept("LLAMA", "Signe du lama", "Llama sign", Category.MORPHOLOGY, Kind.SIGN)
        fault = Fault("concepts.A.synonyms", "name_taken", ("BBG", "LBBB"))
        shelf = self.services.shelf

        def work(session: Session) -> int:
            experts = Ontologies(session, expert.actor, self.clock, shelf.shipped)
            change = dataclasses.replace(shelf.shipped.concept("LBBB"), synonyms_fr=("bloc gauche franc",))
            shipped_line(session, self.clock, shelf.shipped)
            add_edit(
                session,
                experts.in_use(),
                shelf.shipped,
                {"LBBB": change},
                author_id=expert.actor.account_id,
                created_at=self.clock(),
            )
            return experts.add("Zoo", Imported(Ontology([llama]), None, (fault,))).id or 0

        made = global_id("Ontology", self.do(work))
        shelf.refresh(at_once=True)
        return made

    def row(self, table: type[Any], identifier: str) -> Any:
        """Return a row as it is stored now."""
        with self.services.database.read() as session:
            found = session.get(table, key_of(identifier))
        assert found is not None
        return found

    def change(self, table: type[Any], identifier: str, **values: Any) -> None:
        """Turn back a clock, or whatever else no page can do."""

        def work(session: Session) -> None:
            found = session.get(table, key_of(identifier))
            assert found is not None
            for name, value in values.items():
                setattr(found, name, value)
            session.add(found)

        self.do(work)

    def rows(self, table: type[Any], **equal: Any) -> list[Any]:
        """Return the rows as they are stored now, by their place where they have one."""
        with self.services.database.read() as session:
            found = session.exec(select(table).filter_by(**equal)).all()
        return sorted(found, key=lambda row: (getattr(row, "position", 0), row.id))

    def count(self, table: type[Any], **equal: Any) -> int:
        return len(self.rows(table, **equal))


def key_of(identifier: str) -> int:
    """Return the row key of an id the pages show."""
    return split_id(identifier)[1]


def placed(case_id: int, position: int) -> Any:
    """Return a recording at its place."""
    row = recording(case_id, f"ECG_{position + 1:02d}")
    row.position = position
    return row


def png(width: int = 640, height: int = 400, shade: int = 200) -> bytes:
    """Return a real picture."""
    into = io.BytesIO()
    Image.new("RGB", (width, height), (shade, 255, 255)).save(into, "PNG")
    return into.getvalue()


@pytest.fixture
def meet(app: Application) -> Meet:
    """Return a function that brings somebody to the site; without a role, a stranger."""

    def visitor(role: Role | None = None, language: str = "en") -> Visitor:
        return Visitor(app, role, language)

    return visitor


@pytest.fixture
def teacher(meet: Meet) -> Visitor:
    return meet(Role.TEACHER)


@pytest.fixture
def student(meet: Meet) -> Visitor:
    return meet(Role.STUDENT)


@pytest.fixture
def school(app: Application, teacher: Visitor) -> School:
    """Return what the teacher has at hand."""
    return School(app, teacher)
