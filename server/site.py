"""What a running application is made of; `server.app.create_app` wires it, requests find it by `site_of`."""

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from schema.context import Services
from schema.services.authentication import Authentication
from server.lanes import Lanes
from server.places import Places
from server.settings import Settings
from server.signing import Signer
from server.stopping import Stopping

if TYPE_CHECKING:
    from server.metrics import Metrics
    from server.operations import Operations
    from server.reference import Reference
    from server.rendering import Renderer

MOST_STREAMS = 20
"""Live pages of one account open at once in one process."""


@dataclass(frozen=True)
class Site:
    """The parts that live as long as the process."""

    settings: Settings
    services: Services
    authentication: Authentication
    operations: "Operations"
    renderer: "Renderer"
    signer: Signer
    reference: "Reference"
    stopping: Stopping = field(default_factory=Stopping)
    streams: Places = field(default_factory=lambda: Places(MOST_STREAMS))
    lanes: Lanes = field(default_factory=Lanes)
    metrics: "Metrics | None" = None
    """What is counted for Prometheus; None where nobody may read it."""
    demo: bool = False
    """Whether the site was filled as a demo."""

    def today(self) -> date:
        """Return the day it is where the platform is."""
        return self.services.clock().astimezone(self.settings.time_zone).date()


def site_of(connection: HTTPConnection) -> Site:
    """Return the site that serves a request."""
    site: Site = connection.app.state.site
    return site
