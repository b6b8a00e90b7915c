"""Long work as the API shows it."""

from datetime import datetime

import strawberry

from schema.models.work import Job as JobRow
from schema.models.work import JobState
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


@strawberry.type(description="Long work that goes on after its request was answered.")
class Job(Node):
    """A job."""

    kind: str = strawberry.field(description="What kind of work, e.g. `import_folder`.")
    state: JobState = strawberry.field(description="Where it stands.")
    progress: float = strawberry.field(description="How far it has come, 0 to 1.")
    error: str | None = strawberry.field(description="What went wrong last; null when nothing did.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    finished_at: datetime | None = strawberry.field(description="When it ended; null before that.")

    @classmethod
    def of(cls, row: JobRow) -> "Job":
        """Return the node of a row."""
        return cls(
            id=global_id("Job", row.id or 0),
            kind=row.kind,
            state=JobState(row.state),
            progress=row.progress,
            error=row.error,
            created_at=row.created_at,
            finished_at=row.finished_at,
        )
