"""What may be posted to, and for how long: never this machine's own network, whatever a name stands for."""

import threading
from collections.abc import Iterator

import pytest

from schema.models.webhooks import DeliveryFault
from schema.services.outbound import LOOKUPS, Outbound, OutboundError
from tests.support.receiver import Receiver, receiving

ACCOUNT = 1
PUBLIC = "93.184.215.14"
INSIDE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "10.0.0.1",
    "172.16.5.5",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:db8::1",
    "fec0::1",
]
OUTSIDE = [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"]
BAD = [
    "http://example.org/hook",
    "ftp://example.org/hook",
    "https:///hook",
    "https://user:secret@example.org/hook",
    "https://example.org/hook#part",
    "https://exämple.org/",
    "https://example.org:99999/",
    "https://example.org:port/",
    "https://example.org\\@127.0.0.1/",
    "https://exa mple.org/",
    "https://[::1/",
    "example.org/hook",
    "javascript:alert(1)",
    "file:///etc/passwd",
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def outbound(*addresses: str, local: bool = False, seconds: float = 10.0) -> Outbound:
    """Return what posts where every name stands for these addresses."""
    return Outbound(local=local, resolve=lambda _host, _port: addresses, seconds=seconds)


def refusal(url: str, posting: Outbound) -> str:
    return posting.check(url, ACCOUNT).problems[0].code


def fault_of(posting: Outbound, url: str) -> DeliveryFault:
    with pytest.raises(OutboundError) as raised:
        posting.post(url, {}, b"{}")
    return raised.value.fault


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_for_an_address_inside_is_refused_when_given_and_when_posted_to(address: str) -> None:
    posting = outbound(address)
    assert refusal("https://hooks.example.org/", posting) == "unusable_host"
    assert fault_of(posting, "https://hooks.example.org/") is DeliveryFault.ADDRESS_REFUSED


@pytest.mark.parametrize("address", OUTSIDE)
def test_a_name_for_a_public_address_is_taken(address: str) -> None:
    assert outbound(address).check(" https://hooks.example.org/a?b=c ", ACCOUNT).problems == ()


def test_one_address_inside_spoils_all() -> None:
    assert refusal("https://hooks.example.org/", outbound(PUBLIC, "10.0.0.1")) == "unusable_host"
    assert fault_of(outbound(PUBLIC, "::1"), "https://a.org/") is DeliveryFault.ADDRESS_REFUSED


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "localhost", "[::1]", "0"])
def test_this_machine_is_refused_however_it_is_written(host: str) -> None:
    assert refusal(f"https://{host}/", Outbound()) == "unusable_host"
    assert fault_of(Outbound(), f"https://{host}/") is DeliveryFault.ADDRESS_REFUSED


def test_a_name_that_does_not_exist_answers_like_one_inside() -> None:
    def nowhere(_host: str, _port: int) -> list[str]:
        raise OSError

    assert refusal("https://nowhere.example/", Outbound(resolve=nowhere)) == "unusable_host"
    assert fault_of(Outbound(resolve=nowhere), "https://nowhere.example/") is DeliveryFault.ADDRESS_REFUSED


@pytest.mark.parametrize("url", ["https://a..b/", f"https://{'a' * 64}.example/"])
def test_a_name_that_cannot_be_one_answers_like_one_that_does_not_exist(url: str) -> None:
    assert refusal(url, Outbound()) == "unusable_host"
    assert fault_of(Outbound(), url) is DeliveryFault.ADDRESS_REFUSED


class Tarpit:
    """A name server that does not answer for names in `.tarpit` until it is told to."""

    def __init__(self) -> None:
        self.answering = threading.Event()

    def __call__(self, host: str, _port: int) -> list[str]:
        if host.endswith(".tarpit"):
            self.answering.wait(30)
        return [PUBLIC]


@pytest.fixture
def tarpit() -> Iterator[Tarpit]:
    made = Tarpit()
    yield made
    made.answering.set()


def test_a_name_server_that_does_not_answer_is_not_waited_for(tarpit: Tarpit) -> None:
    posting = Outbound(resolve=tarpit, lookup_seconds=0.05)
    assert refusal("https://a.tarpit/", posting) == "unusable_host"
    assert fault_of(posting, "https://a.tarpit/") is DeliveryFault.ADDRESS_REFUSED


def test_an_account_has_one_host_looked_up_at_a_time(tarpit: Tarpit) -> None:
    posting = Outbound(resolve=tarpit, lookup_seconds=0.05)
    assert refusal("https://a.tarpit/", posting) == "unusable_host"
    assert refusal("https://example.org/", posting) == "lookups_busy"
    assert posting.check("https://example.org/", ACCOUNT + 1).problems == ()
    tarpit.answering.set()
    for thread in threading.enumerate():
        if thread.name == "lookup":
            thread.join(30)
    assert posting.check("https://example.org/", ACCOUNT).problems == ()


def test_so_many_hosts_are_looked_up_at_a_time_and_further_ones_refused(tarpit: Tarpit) -> None:
    posting = Outbound(resolve=tarpit, lookup_seconds=0)
    for account_id in range(LOOKUPS):
        posting.check("https://a.tarpit/", account_id)
    assert posting.check("https://example.org/", LOOKUPS).problems[0].code == "lookups_busy"
    assert fault_of(posting, "https://example.org/") is DeliveryFault.TIMED_OUT


@pytest.mark.parametrize("url", BAD)
@pytest.mark.parametrize("local", [False, True])
def test_only_plain_https_addresses_are_taken(url: str, *, local: bool) -> None:
    posting = outbound(PUBLIC, local=local)
    assert refusal(url, posting) == "bad_webhook_url"
    assert fault_of(posting, url) is DeliveryFault.ADDRESS_REFUSED


def test_an_address_is_required_and_not_endless() -> None:
    assert refusal("  ", outbound(PUBLIC)) == "required"
    assert refusal(f"https://a.org/{'a' * 2000}", outbound(PUBLIC)) == "too_long"


def test_http_to_this_machine_is_for_developing_only(receiver: Receiver) -> None:
    assert refusal(receiver.url, Outbound()) == "bad_webhook_url"
    assert Outbound(local=True).check(receiver.url, ACCOUNT).problems == ()
    other = outbound("127.0.0.1", local=True)
    assert refusal("http://hooks.example.org/", other) == "bad_webhook_url"
    assert refusal("https://hooks.example.org/", other) == "unusable_host"
    assert fault_of(outbound("10.0.0.1", local=True), "http://localhost/") is DeliveryFault.ADDRESS_REFUSED


def test_a_name_that_moves_inside_between_two_looks_is_not_followed(receiver: Receiver) -> None:
    looks = iter([[PUBLIC], ["127.0.0.1"]])
    posting = Outbound(resolve=lambda _host, _port: next(looks))
    url = f"https://rebound.example.org:{receiver.port}/"
    assert posting.check(url, ACCOUNT).problems == ()
    assert fault_of(posting, url) is DeliveryFault.ADDRESS_REFUSED
    assert receiver.received == []


def test_what_is_posted_arrives_as_it_is(receiver: Receiver) -> None:
    reply = Outbound(local=True).post(
        receiver.url, {"Content-Type": "application/json", "X-A": "b"}, b'{"a":1}'
    )
    [received] = receiver.received
    assert (reply.status, received.body, received.path) == (200, b'{"a":1}', "/hook?for=chevet")
    assert received.headers["X-A"] == "b"
    assert received.headers["Host"] == f"localhost:{receiver.port}"


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.mood, receiver.headers = 302, {"Location": f"http://localhost:{receiver.port}/inside"}
    assert Outbound(local=True).post(receiver.url, {}, b"{}").status == 302
    assert [each.path for each in receiver.received] == ["/hook?for=chevet"]


@pytest.mark.parametrize("mood", ["hang", "drip"])
def test_an_address_that_does_not_answer_in_time_is_given_up(receiver: Receiver, mood: str) -> None:
    receiver.mood = mood
    assert fault_of(Outbound(local=True, seconds=0.3), receiver.url) is DeliveryFault.TIMED_OUT


def test_a_body_without_end_is_not_read(receiver: Receiver) -> None:
    receiver.mood = "huge"
    assert Outbound(local=True).post(receiver.url, {}, b"{}").status == 200


def test_who_hangs_up_or_is_not_there_is_unreachable(receiver: Receiver) -> None:
    receiver.mood = "broken"
    assert fault_of(Outbound(local=True), receiver.url) is DeliveryFault.UNREACHABLE
    with receiving() as closed:
        url = closed.url
    assert fault_of(Outbound(local=True), url) is DeliveryFault.UNREACHABLE
    assert fault_of(Outbound(local=True), f"https://localhost:{receiver.port}/") is DeliveryFault.UNREACHABLE


def test_proxies_of_the_environment_are_not_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert Outbound(local=True).post(receiver.url, {}, b"{}").status == 200
