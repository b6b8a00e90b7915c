"""Files are read by signed, short-lived addresses only."""

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from server.app import Application
from server.blobs import BlobLinks
from server.signing import Signer

NOON = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
KEY = "ab" * 32


class Clock:
    """A clock one can set."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> dt.datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def links(clock: Clock) -> BlobLinks:
    return BlobLinks(Signer(b"k" * 32), clock)


def parts(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def remaining(links: BlobLinks, address: str, **changed: str) -> int:
    found = parts(address) | changed
    return links.remaining(found.get("key", KEY), found["type"], found["until"], found["signature"])


def test_an_address_stays_the_same_within_the_hour(links: BlobLinks, clock: Clock) -> None:
    first = links.address(KEY, "image/png")
    clock.time = NOON + dt.timedelta(minutes=59, seconds=59)
    assert links.address(KEY, "image/png") == first
    clock.time = NOON + dt.timedelta(hours=1)
    assert links.address(KEY, "image/png") != first


def test_an_address_is_good_for_one_to_two_hours(links: BlobLinks, clock: Clock) -> None:
    address = links.address(KEY, "image/png")
    assert remaining(links, address) == 7200
    clock.time = NOON + dt.timedelta(hours=1, minutes=59, seconds=59)
    assert remaining(links, address) == 1
    clock.time = NOON + dt.timedelta(hours=2)
    with pytest.raises(HTTPException) as caught:
        remaining(links, address)
    assert caught.value.status_code == 410


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "cd" * 32},
        {"type": "text/html"},
        {"until": "9999999999"},
        {"signature": ""},
        {"signature": "x" * 43},
    ],
)
def test_nothing_in_an_address_can_be_changed(links: BlobLinks, changed: dict[str, str]) -> None:
    with pytest.raises(HTTPException) as caught:
        remaining(links, links.address(KEY, "image/png"), **changed)
    assert caught.value.status_code == 403


def test_another_installations_signature_is_none_here(links: BlobLinks, clock: Clock) -> None:
    foreign = BlobLinks(Signer(b"x" * 32), clock).address(KEY, "image/png")
    with pytest.raises(HTTPException):
        remaining(links, foreign)


def test_a_file_is_streamed_with_its_type_and_may_be_kept(app: Application, stranger: TestClient) -> None:
    data = bytes(range(256)) * 3000
    services = app.site.services
    key = services.blobs.put(data, "image/png")
    answer = stranger.get(services.sign_link(key, "image/png"))
    assert answer.content == data
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "inline"
    assert answer.headers["cache-control"].startswith("private, max-age=")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_what_a_browser_could_run_is_a_download(app: Application, stranger: TestClient) -> None:
    services = app.site.services
    key = services.blobs.put(b"<script>alert(1)</script>", "text/html")
    for media_type in ("text/html", "image/svg+xml", "application/dicom"):
        answer = stranger.get(services.sign_link(key, media_type))
        assert answer.headers["content-disposition"] == "attachment"


def test_forged_expired_and_missing_files_are_refused_alike_for_everyone(
    app: Application, stranger: TestClient
) -> None:
    services = app.site.services
    key = services.blobs.put(b"content", "image/png")
    good = services.sign_link(key, "image/png")
    assert stranger.get(good.replace("signature=", "signature=x")).status_code == 403
    assert stranger.get(f"/blobs/{key}").status_code == 403
    old = BlobLinks(app.site.signer, lambda: NOON - dt.timedelta(days=900)).address(key, "image/png")
    assert stranger.get(old).status_code == 410
    assert stranger.get(services.sign_link("0" * 64, "image/png")).status_code == 404
    assert stranger.get(services.sign_link("../../etc/passwd", "image/png")).status_code == 404
