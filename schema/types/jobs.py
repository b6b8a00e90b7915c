"""Long work as the API shows it."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from schema.context import Info
from schema.errors import FieldProblem
from schema.messages import text_of
from schema.models.work import Job as JobRow
from schema.models.work import JobState
from schema.services import attempt_exports, bulk
from schema.types.base import Node, global_id
from schema.types.enums import describe_enum

describe_enum(
    JobState,
    "JobState",
    "Where a job stands.",
    "Waiting for a worker, or for its time.",
    "A worker is at it.",
    "Done.",
    "Given up.",
)


@strawberry.type(description="What keeps one line of a file from being imported.")
class ImportFault:
    """A fault and where it is; never what the line says."""

    line: int = strawberry.field(description="The line, counted from 1.")
    column: str = strawberry.field(description="The column at fault; empty when it is the line as a whole.")
    message: str = strawberry.field(description="What is wrong, in the viewer's language.")
    code: str = strawberry.field(description="Stable, machine-readable.")


@strawberry.type(description="What came of importing participants.")
class ParticipantImport:
    """Counts, and the first faults."""

    dry_run: bool = strawberry.field(description="Whether nothing was changed: it says what would happen.")
    line_count: int = strawberry.field(description="Lines that name somebody or should.")
    enrolled_count: int = strawberry.field(description="Participants who were not in their session before.")
    present_count: int = strawberry.field(description="Participants who were, and for whom nothing changed.")
    fault_count: int = strawberry.field(description="Lines that were left out.")
    faults: list[ImportFault] = strawberry.field(description="What is wrong with the first 100 of them.")


@strawberry.type(description="Attempts handed in, as lines of JSON.")
class AttemptExport:
    """Where the file is, and how long."""

    attempt_count: int = strawberry.field(description="Attempts, one a line.")
    size: int = strawberry.field(description="Bytes in all.")
    url: str | None = strawberry.field(
        description="Path of the file on this site, for whoever asked for it alone; null once expired."
    )
    expires_at: datetime = strawberry.field(description="When it is removed.")


@strawberry.type(description="What became of one ECG of an import.")
class ImportedFile:
    """A file by its place; its name is nowhere kept."""

    number: int = strawberry.field(
        description="Its place in the order of paths, or in which an archive gave it; from 1."
    )
    case_id: strawberry.ID | None = strawberry.field(
        description="The case it went to, which may be gone by now; null when it was left out."
    )
    recording_count: int = strawberry.field(description="Recordings made of it: one a page.")
    held_count: int = strawberry.field(
        description="Pages that were held, since text in them may name somebody; see `heldPages`."
    )
    message: str | None = strawberry.field(
        description="Why it was left out, in the viewer's language; null when it was not."
    )
    code: str | None = strawberry.field(description="The same, stable and machine-readable.")


@strawberry.type(description="What came of importing ECGs.")
class RecordingImport:
    """Counts, and what became of each file."""

    file_count: int = strawberry.field(
        description="ECGs sent, one a file, WFDB record or object of an archive."
    )
    recording_count: int = strawberry.field(description="Recordings made of them.")
    held_count: int = strawberry.field(description="Pages that were held; some may be settled by now.")
    case_count: int = strawberry.field(description="Drafts begun.")
    fault_count: int = strawberry.field(description="Files that were left out.")
    files: list[ImportedFile] = strawberry.field(description="Each file, in its order.")


@strawberry.type(description="What came of reading a picture of paper: look at it before keeping it.")
class RecordingDigitisation:
    """Where the reading is to be looked at, or why there is none."""

    case_id: strawberry.ID = strawberry.field(description="The case, which may be gone by now.")
    recording_id: strawberry.ID = strawberry.field(description="The picture, which may be gone by now.")
    message: str | None = strawberry.field(
        description="Why it could not be read, in the viewer's language; null when it was."
    )
    code: str | None = strawberry.field(description="The same, stable and machine-readable.")


JobResult = Annotated[
    ParticipantImport | RecordingImport | RecordingDigitisation | AttemptExport,
    strawberry.union("JobResult", description="What came of a job, by its kind."),
]


@strawberry.type(description="Long work that goes on after its request was answered.")
class Job(Node):
    """A job."""

    row: strawberry.Private[JobRow]
    kind: str = strawberry.field(description="What kind of work, e.g. `import_participants`.")
    state: JobState = strawberry.field(description="Where it stands.")
    progress: float = strawberry.field(description="How far it has come, 0 to 1.")
    error: str | None = strawberry.field(description="What went wrong last; null when nothing did.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    finished_at: datetime | None = strawberry.field(description="When it ended; null before that.")

    @strawberry.field(description="What came of it; null before it is done, and for work that only happens.")
    def result(self, info: Info) -> JobResult | None:
        """Read the kept result."""
        if self.row.result is None:
            return None
        if self.row.kind == bulk.IMPORT_JOB:
            return _import(info, self.row.result)
        if self.row.kind in {bulk.RECORDINGS_JOB, bulk.PACS_JOB}:
            return _recordings(info, self.row.result)
        if self.row.kind == bulk.DIGITISE_JOB:
            return _digitisation(info, self.row.result)
        return _export(info, self.row) if self.row.kind == bulk.EXPORT_JOB else None

    @classmethod
    def of(cls, row: JobRow) -> "Job":
        """Return the node of a row."""
        return cls(
            id=global_id("Job", row.id or 0),
            row=row,
            kind=row.kind,
            state=JobState(row.state),
            progress=row.progress,
            error=row.error,
            created_at=row.created_at,
            finished_at=row.finished_at,
        )


def _import(info: Info, result: dict[str, Any]) -> ParticipantImport:
    faults = []
    for each in result["faults"]:
        values = tuple(each["values"].items())
        sentence, named = text_of(FieldProblem((each["column"],), each["code"], values))
        said = info.context.translate(sentence).format(**named)
        faults.append(ImportFault(line=each["line"], column=each["column"], message=said, code=each["code"]))
    return ParticipantImport(
        dry_run=result["dry_run"],
        line_count=result["lines"],
        enrolled_count=result["enrolled"],
        present_count=result["present"],
        fault_count=result["fault_count"],
        faults=faults,
    )


def _recordings(info: Info, result: dict[str, Any]) -> RecordingImport:
    files = []
    for number, each in enumerate(result["outcomes"], start=1):
        said, code = _said(info, each), each["code"] or None
        case_id = global_id("Case", each["case"]) if each["case"] else None
        files.append(
            ImportedFile(
                number=number,
                case_id=case_id,
                recording_count=each["recordings"],
                held_count=each.get("held", 0),
                message=said,
                code=code,
            )
        )
    return RecordingImport(
        file_count=result["files"],
        recording_count=result["recordings"],
        held_count=result.get("held", 0),
        case_count=result["cases"],
        fault_count=result["faults"],
        files=files,
    )


def _digitisation(info: Info, result: dict[str, Any]) -> RecordingDigitisation:
    return RecordingDigitisation(
        case_id=global_id("Case", result["case"]),
        recording_id=global_id("Recording", result["recording"]),
        message=_said(info, result),
        code=result["code"] or None,
    )


def _said(info: Info, outcome: dict[str, Any]) -> str | None:
    """Word what kept a file out; None where nothing did."""
    if not outcome["code"]:
        return None
    problem = FieldProblem(("files",), outcome["code"], tuple(outcome["values"].items()))
    sentence, named = text_of(problem)
    return info.context.translate(sentence).format(**named)


def _export(info: Info, row: JobRow) -> AttemptExport:
    there = attempt_exports.available(row, info.context.services.clock())
    return AttemptExport(
        attempt_count=(row.result or {})["attempts"],
        size=(row.result or {})["size"],
        url=f"/exports/{global_id('Job', row.id or 0)}" if there else None,
        expires_at=attempt_exports.expires_at(row),
    )
