"""Runs of models as the API shows them."""

from datetime import datetime
from urllib.parse import quote

import strawberry

from schema.models.models import StoreFault
from schema.models.predictions import ModelFamily
from schema.services.runs import Found, Run
from schema.types.models import ModelMetric


@strawberry.type(description="What a run was made with.")
class ModelParameter:
    """A name and a value."""

    name: str = strawberry.field(description="As whoever made it calls it.")
    value: str = strawberry.field(description="As it was put down.")


@strawberry.type(description="A file of a run.")
class ModelRunFile:
    """A file."""

    path: str = strawberry.field(description="Within the run.")
    size: int = strawberry.field(description="Bytes, 64 MiB at most; larger ones are not listed.")
    url: str = strawberry.field(description="Path it is had under, by whoever is signed in.")


@strawberry.type(description="A run of a model, as MLflow has it.")
class ModelRun:
    """A run."""

    run_id: str = strawberry.field(description="MLflow's id of it.")
    name: str = strawberry.field(description="What MLflow calls it.")
    status: str = strawberry.field(description="`FINISHED`, `RUNNING`, `FAILED` or `KILLED`.")
    started_at: datetime = strawberry.field(description="When it began.")
    parameters: list[ModelParameter] = strawberry.field(description="By name.")
    metrics: list[ModelMetric] = strawberry.field(description="The last of each, by name.")
    files: list[ModelRunFile] = strawberry.field(
        description="By path, 200 at most; empty where runs were not chosen by their ids."
    )
    url: str | None = strawberry.field(description="Its page in MLflow; null where none is served.")

    @classmethod
    def of(cls, family: ModelFamily, run: Run, pages: str | None) -> "ModelRun":
        """Return a run as it is shown."""
        own = f"/exports/runs/{family.value}/{run.id}"
        return cls(
            run_id=run.id,
            name=run.name,
            status=run.status,
            started_at=run.started,
            parameters=[
                ModelParameter(name=name, value=value) for name, value in sorted(run.parameters.items())
            ],
            metrics=[ModelMetric(name=name, value=value) for name, value in sorted(run.metrics.items())],
            files=[
                ModelRunFile(path=each.path, size=each.size, url=f"{own}/{quote(each.path)}")
                for each in run.files
            ],
            url=pages and f"{pages}/#/experiments/{run.experiment}/runs/{run.id}",
        )


@strawberry.type(description="Runs of a family.")
class ModelRuns:
    """Runs, or why there are none."""

    fault: StoreFault | None = strawberry.field(
        description="Why MLflow could not be asked; null where it was."
    )
    runs: list[ModelRun] = strawberry.field(description="The latest 50, or those chosen, in their order.")

    @classmethod
    def of(cls, family: ModelFamily, found: Found, pages: str | None) -> "ModelRuns":
        """Return what was found."""
        return cls(fault=found.fault, runs=[ModelRun.of(family, each, pages) for each in found.runs])
