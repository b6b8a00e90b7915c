"""ECGs from an archive: found without a name, fetched as one chose, gone on with by whoever is left."""

import socket
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import FileDataset
from sqlmodel import col, select

from ml.pacs.archives import Criteria, PacsFault, Series
from schema.errors import NotFoundError, ValidationFailedError
from schema.models.accounts import Account, AuditEvent
from schema.models.cases import Case, Recording
from schema.models.work import Job
from schema.policy import Actor, Role, Scope
from schema.services import jobs
from schema.services import pacs as module
from schema.services.bulk import PACS_JOB
from schema.services.jobs import ASKED, LEASE, run_due
from schema.services.pacs import PORT_PAUSE, Findings, Pacs
from tests.schema.conftest import World
from tests.schema.services.test_bulk import Killed, killed_after
from tests.support.pacs import IDENTIFYING, Orthanc, another_of, picture, waveform
from tests.support.processes import free_port

DIMSE, WEB, GONE, NOBODY = "Cardiologie", "Urgences", "Réanimation", "Personne"


class Ward:
    """A teacher, the archives of their hospital, and whoever works for them."""

    def __init__(self, world: World, orthanc: Orthanc) -> None:
        self.world, self.teacher = world, world.person()
        services = world.services
        nobody = replace(orthanc.dimse, port=free_port())
        services.archives = {DIMSE: orthanc.dimse, WEB: orthanc.dicomweb, NOBODY: nobody}
        self.pacs: Pacs = services.pacs

    def found(self, archive: str, description: str, actor: Actor | None = None) -> Findings:
        return self.pacs.search(actor or self.teacher, archive, Criteria(description=description))

    def choice(self, archive: str, made: FileDataset, actor: Actor | None = None) -> str:
        """Return the choice that a search which finds the object's series would have offered."""
        series = Series(str(made.StudyInstanceUID), str(made.SeriesInstanceUID))
        return self.pacs._choice(actor or self.teacher, archive, series).key  # noqa: SLF001 - no search

    def ask(self, *choices: str, one_case: bool = False, actor: Actor | None = None, key: str = "k") -> Job:
        return self.pacs.ask(actor or self.teacher, choices, "Garde", key, one_case=one_case)

    def work(self, times: int = 10) -> int:
        return run_due(self.world.database, {PACS_JOB: self.pacs.work}, self.world.clock, times)

    def done(self, job: Job) -> Job:
        self.work()
        return self.now(job)

    def now(self, job: Job) -> Job:
        with self.world.database.read() as session:
            return session.get_one(Job, job.id)

    def cases(self) -> dict[str, list[str]]:
        """Return the kinds of each case's recordings, by its name."""
        with self.world.database.read() as session:
            named = session.exec(
                select(Case).where(Case.owner_id == self.teacher.account_id).order_by(col(Case.id))
            ).all()
            rows = session.exec(select(Recording).order_by(col(Recording.id))).all()
            return {case.name: [row.kind for row in rows if row.case_id == case.id] for case in named}

    def kept(self) -> bytes:
        """Return all that is kept on disk: the database and the files."""
        folder = Path(self.world.database.url.removeprefix("sqlite:///")).parent
        return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def ward(world: World, orthanc: Orthanc) -> Ward:
    return Ward(world, orthanc)


def outcomes(job: Job) -> list[tuple[int, str]]:
    return [(each["recordings"], each["code"]) for each in (job.result or {})["outcomes"]]


def problems(ward: Ward, *choices: str, **options: Any) -> list[tuple[tuple[str, ...], str]]:
    with pytest.raises(ValidationFailedError) as caught:
        ward.ask(*choices, **options)
    return [(each.path, each.code) for each in caught.value.problems]


def test_what_a_colleague_found_is_worth_as_much_as_what_nobody_did(ward: Ward) -> None:
    colleague = ward.world.person()
    foreign = ward.choice(DIMSE, picture(), colleague)
    for choices in ([foreign], ["forged"], [ward.choice(DIMSE, picture()), foreign]):
        assert problems(ward, *choices) == [(("series",), "pacs_choice")]


def test_a_colleague_follows_no_foreign_import(ward: Ward) -> None:
    job = ward.ask(ward.choice(DIMSE, picture()))
    with ward.world.database.read() as session, pytest.raises(NotFoundError):
        jobs.job_of(session, ward.world.person(), job.id or 0)


def test_only_who_may_search_them_is_told_which_archives_there_are(ward: Ward) -> None:
    assert ward.pacs.names(ward.teacher) == [DIMSE, WEB, NOBODY]
    assert ward.pacs.names(ward.world.person(Role.EXPERT)) == []
    assert ward.pacs.names(replace(ward.teacher, scopes=frozenset({Scope.CASES_WRITE}), token_id=1)) == []


def test_an_archive_the_site_does_not_have_is_not_found(ward: Ward) -> None:
    with pytest.raises(NotFoundError):
        ward.found(GONE, "")


def test_a_search_tells_neither_who_nor_which_and_the_trail_not_what_for(
    ward: Ward, orthanc: Orthanc, shared_data: Path
) -> None:
    made = waveform(
        shared_data, StudyDescription="Effort de Mme MARTINEAU 4471902", SeriesDescription="Repos"
    )
    orthanc.store(made)
    [choice] = ward.found(DIMSE, "Effort de").choices
    shown = choice.series
    assert (shown.date, shown.description, shown.objects) == ("2026-03-02", "Repos", 1)
    assert shown.study_description.startswith("Effort de Mme ")
    assert not [each for each in IDENTIFYING if each in shown.study_description]
    assert "4471902" not in shown.study_description
    with ward.world.database.read() as session:
        told = session.exec(select(AuditEvent)).one()
    assert (told.action, told.detail, told.actor_id) == (
        "pacs.searched",
        {"archive": DIMSE},
        ward.teacher.account_id,
    )
    assert str(made.SeriesInstanceUID).encode() not in ward.kept()


def test_an_archive_that_cannot_be_reached_is_told_and_the_search_on_the_trail(ward: Ward) -> None:
    assert ward.found(NOBODY, "") == Findings(fault=PacsFault.UNREACHABLE)
    with ward.world.database.read() as session:
        assert session.exec(select(AuditEvent)).one().detail == {"archive": NOBODY}


@pytest.mark.parametrize(
    "criteria, path, code",
    [
        (Criteria(description="a\\b"), "description", "unprintable"),
        (Criteria(description="x" * 63), "description", "too_long"),
        (Criteria(since=date(2026, 3, 2), until=date(2026, 3, 1)), "since", "since_after_until"),
    ],
)
def test_criteria_no_archive_could_take_are_refused(
    ward: Ward, criteria: Criteria, path: str, code: str
) -> None:
    with pytest.raises(ValidationFailedError) as caught:
        ward.pacs.search(ward.teacher, NOBODY, criteria)
    assert [(each.path, each.code) for each in caught.value.problems] == [((path,), code)]


def test_what_is_chosen_becomes_drafts_and_nothing_else_is_kept_of_it(
    ward: Ward, orthanc: Orthanc, shared_data: Path
) -> None:
    first, other = waveform(shared_data), picture()
    letter = another_of(first, picture(Modality="ECG"))
    letter.Rows = 99  # more than it holds
    orthanc.store(first, letter, other)
    job = ward.ask(ward.choice(DIMSE, first), ward.choice(WEB, other))
    uids = [str(each.SOPInstanceUID).encode() for each in (first, other)]
    uids += [str(each.SeriesInstanceUID).encode() for each in (first, other)]
    assert not [each for each in uids if each in ward.kept()]
    done = ward.done(job)
    assert (done.state, done.progress, list(done.payload)) == ("succeeded", 1.0, [ASKED])
    assert sorted(outcomes(done)) == [(0, "file_damaged"), (1, ""), (1, "")]
    assert list(ward.cases()) == ["Garde 1", "Garde 2"]
    counts = {"files": 3, "recordings": 2, "cases": 2, "held": 0, "faults": 1}
    assert {name: value for name, value in (done.result or {}).items() if name != "outcomes"} == counts
    with ward.world.database.read() as session:
        told = [
            (each.action, each.detail) for each in session.exec(select(AuditEvent)) if "pacs" in each.action
        ]
    assert told == [("pacs.asked", {"archives": [DIMSE, WEB], "series": 2}), ("pacs.imported", counts)]
    kept = ward.kept()
    assert not [each for each in (*uids, *(name.encode() for name in IDENTIFYING)) if each in kept]


def test_all_that_is_chosen_may_be_one_case_and_the_same_key_asks_once(ward: Ward, orthanc: Orthanc) -> None:
    first = picture()
    orthanc.store(first, another_of(first, picture(25)))
    choice = ward.choice(WEB, first)
    job = ward.ask(choice, choice, one_case=True)
    assert ward.ask(choice, one_case=True).id == job.id
    with pytest.raises(ValidationFailedError, match="idempotencyKey:key_used"):
        ward.ask(choice)
    ward.done(job)
    assert ward.cases() == {"Garde 1": ["image", "image"]}


def test_a_worker_that_takes_over_imports_nothing_twice(
    ward: Ward, orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = picture()
    orthanc.store(first, another_of(first, picture(25)))
    job = ward.ask(ward.choice(WEB, first), one_case=True)
    with monkeypatch.context() as patch:
        patch.setattr(ward.pacs, "_object", killed_after(1, ward.pacs._object))  # noqa: SLF001 - dies there
        with pytest.raises(Killed):
            ward.work()
    assert ward.now(job).progress == 0.5
    ward.world.clock.pass_(seconds=LEASE.total_seconds() + 1)
    done = ward.done(job)
    assert outcomes(done) == [(1, ""), (1, "")]
    assert ward.cases() == {"Garde 1": ["image", "image"]}


def test_a_worker_that_takes_over_fetches_all_that_an_import_may_hold(
    ward: Ward, orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ENTRIES", 3)
    alone, first = picture(), picture()
    orthanc.store(alone, first, another_of(first, picture(25)))
    job = ward.ask(ward.choice(WEB, alone), ward.choice(WEB, first), ward.choice(WEB, picture()))
    with monkeypatch.context() as patch:
        patch.setattr(ward.pacs, "_object", killed_after(2, ward.pacs._object))  # noqa: SLF001 - dies there
        with pytest.raises(Killed):
            ward.work()
    ward.world.clock.pass_(seconds=LEASE.total_seconds() + 1)
    assert outcomes(ward.done(job)) == [(1, ""), (1, ""), (1, ""), (0, "too_many_files")]


def test_what_cannot_be_had_is_told_and_the_others_are_imported(ward: Ward, orthanc: Orthanc) -> None:
    here = picture()
    orthanc.store(here)
    gone = ward.choice(GONE, picture())
    chosen = (ward.choice(NOBODY, here), ward.choice(WEB, picture()), gone, ward.choice(WEB, here))
    assert outcomes(ward.done(ward.ask(*chosen))) == [
        (0, "pacs_unreachable"),
        (0, "pacs_not_sent"),
        (0, "pacs_archive_gone"),
        (1, ""),
    ]


def test_an_import_waits_for_its_port(ward: Ward, orthanc: Orthanc) -> None:
    here = picture()
    orthanc.store(here)
    job = ward.ask(ward.choice(DIMSE, here))
    with socket.create_server(("127.0.0.1", orthanc.own_port)):
        assert ward.work() == 1
    assert ward.now(job).state == "queued"
    ward.world.clock.pass_(seconds=PORT_PAUSE.total_seconds())
    assert outcomes(ward.done(job)) == [(1, "")]


def test_no_more_is_fetched_than_an_import_may_hold(
    ward: Ward, orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ENTRIES", 1)
    first = picture()
    orthanc.store(first, another_of(first, picture(25)))
    done = ward.done(ward.ask(ward.choice(WEB, first), ward.choice(WEB, picture())))
    assert outcomes(done) == [(1, ""), (0, "too_many_files"), (0, "too_many_files")]


def test_who_may_no_more_by_then_has_nothing_fetched(ward: Ward) -> None:
    job = ward.ask(ward.choice(NOBODY, picture()))
    with ward.world.database.write() as session:
        session.get_one(Account, ward.teacher.account_id).role = Role.STUDENT.value
    done = ward.done(job)
    assert (done.state, done.error, done.result) == ("failed", "NotAllowedError", None)


def test_an_import_needs_a_choice_and_a_name(ward: Ward) -> None:
    assert problems(ward) == [(("series",), "needs_series")]
    many = [ward.choice(WEB, picture()) for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_CHOICES", 1)
        assert problems(ward, *many) == [(("series",), "too_many")]
