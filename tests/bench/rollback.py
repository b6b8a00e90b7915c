"""How long a rollback takes, from the decision to the first answer by the version before.

With the shipped models and a second version of each in a site of their own, in this process: where the
version before is still loaded beside the one that answers, and where a process has just started.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from sqlmodel import Session, SQLModel, select

from ml.registry.artefact import Artefact, write_artefact
from ml.registry.home import Home
from ml.registry.registry import Registry
from ml.registry.shipped import shipped
from ml.registry.syncing import sealed
from schema.database import Database
from schema.models.accounts import Account
from schema.models.models import Deployment, Model, ModelAlias, ModelVersion
from schema.models.predictions import ModelFamily
from schema.policy import Actor, Role
from schema.services.clock import now
from schema.services.deployments import Deployments
from schema.services.models import Models

MOST_S = 1.0
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Report:
    """Seconds by family: with the version before still loaded, and in a process that has just started."""

    warm_s: dict[str, float]
    cold_s: dict[str, float]

    def lines(self) -> list[str]:
        """Return the report."""
        each = ", ".join(
            f"{family} {1000 * self.warm_s[family]:.0f} ms ({1000 * self.cold_s[family]:.0f} ms just started)"
            for family in self.warm_s
        )
        return [f"rollback to the first answer by the version before: {each}; aim < {MOST_S:g} s"]

    def missed(self) -> bool:
        """Return whether one takes too long."""
        return max(*self.warm_s.values(), *self.cold_s.values()) >= MOST_S


def measure(folder: Path) -> Report:
    """Roll each family that has a shipped version back, twice."""
    home = Home(folder)
    database = Database(f"sqlite:///{folder / 'rollback.db'}")
    SQLModel.metadata.create_all(database.engine)
    champions = {family: artefact for family in ModelFamily if (artefact := shipped(family.value))}
    with database.write() as session:
        session.add(Account(display_name="Bench", role=Role.ADMIN.value, created_at=now()))
        for artefact in champions.values():
            _deployed(session, home, artefact)
    kept, warm, cold = _started(database, home), {}, {}
    for family in champions:
        kept.serving(family, ModelAlias.CHAMPION.value, PATIENCE_S)
        _rolled_back(database, kept, family)  # both have been loaded now
        warm[family.value] = _rolled_back(database, kept, family)
        fresh = _started(database, home)
        fresh.serving(family, ModelAlias.CHAMPION.value, PATIENCE_S)
        cold[family.value] = _rolled_back(database, fresh, family)
    database.dispose()
    return Report(warm, cold)


def _started(database: Database, home: Home) -> Deployments:
    return Deployments(database, Registry(home.cache, home.key, lambda *_: None))


def _deployed(session: Session, home: Home, first: Artefact) -> None:
    """Have a version deployed, and another before it that answers the same."""
    model = Model(family=first.manifest.family, created_at=now())
    session.add(model)
    session.flush()
    keys = []
    for number, version in enumerate((first, _other(first)), 1):
        digest = sealed(home, version).digest
        row = ModelVersion(model_id=model.id or 0, number=number, digest=digest, created_at=now())
        session.add(row)
        session.flush()
        keys.append(row.id or 0)
    champion = ModelAlias.CHAMPION.value
    session.add(
        Deployment(
            model_id=model.id or 0, alias=champion, version_id=keys[0], previous_id=keys[1], changed_at=now()
        )
    )


def _other(version: Artefact) -> Artefact:
    files = {name: version.read(name) for name in version.manifest.files}
    folder = Path(tempfile.mkdtemp(prefix="chevet-bench-version-"))
    return write_artefact(folder / "other", replace(version.manifest, created="2026-01-01T00:00:00"), files)


def _rolled_back(database: Database, deployments: Deployments, family: ModelFamily) -> float:
    """Return the seconds from the decision to an answer by the version before."""
    admin, champion = Actor(1, Role.ADMIN), ModelAlias.CHAMPION
    before = deployments.serving(family, champion.value, PATIENCE_S).deployed
    began = time.perf_counter()
    with database.write() as session:
        model = session.exec(select(Model).where(Model.family == family.value)).one()
        Models(session, admin, now).roll_back(model.id or 0, champion)
    deployments.refresh(at_once=True)
    while (loaded := deployments.serving(family, champion.value, PATIENCE_S)).deployed == before:
        time.sleep(0.001)
    loaded.predictor.warm_up()
    return time.perf_counter() - began
