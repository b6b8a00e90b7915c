"""The product with a toy as its champion: `python -m granian --factory tests.e2e.toy_site:application`."""

from starlette.types import ASGIApp

from ml.registry.home import Home
from ml.registry.registry import Registry
from server.app import create_app
from server.settings import load_settings
from tests.schema.toys import deployed, registered, toy, toy_loader, toy_triage


def application() -> ASGIApp:
    """Build the application, and deploy a toy of triage, and one of beats with a second version beside it."""
    settings = load_settings()
    home = Home(settings.data_dir)
    app = create_app(settings, Registry(home.cache, home.key, lambda *_: None, loader=toy_loader))
    services = app.site.services
    with services.database.write() as session:
        deployed(session, services.clock, registered(session, services.clock, toy_triage(home), "triage"))
        deployed(session, services.clock, registered(session, services.clock, toy(home)))
        registered(session, services.clock, toy(home))
        registered(session, services.clock, None)
    return app
