"""Posting to addresses that others chose: never into a network of ours, never for long, never further on."""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore
import httpx

from schema.errors import FieldProblem
from schema.models.webhooks import DeliveryFault

LONGEST_URL = 2_000
SECONDS = 10.0
"""How long one post may take in all, from the connection to the answer's headers."""
LOOKUP_SECONDS = 3.0
"""How long a host's addresses are waited for."""
LOOKUPS = 64
"""Hosts looked up at the same time, those included that nobody waits for any more."""
HERE = frozenset({"localhost", "127.0.0.1", "::1"})
NOT_PUBLIC = [
    ipaddress.ip_network(each) for each in ("192.0.0.0/24", "168.63.129.16/32", "192.88.99.0/24", "fec0::/10")
]
"""Addresses that pass for public ones: metadata servers of Oracle and Azure, relays and sites of old."""
NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Iterable[str]]
"""(host, port) -> its addresses as text; raises OSError when it has none."""


class OutboundError(Exception):
    """Nothing was answered; `fault` says why."""

    def __init__(self, fault: DeliveryFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class LookupsBusyError(Exception):
    """As many hosts are being looked up as may be, or another one for whoever asks."""


@dataclass(frozen=True, slots=True)
class CheckedUrl:
    """An address someone gave, looked up before any transaction starts; or what is wrong with it."""

    url: str
    problems: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered, without the body: nobody reads it, so that it cannot be long."""

    status: int
    headers: Mapping[str, str]


def resolve(host: str, port: int) -> Iterable[str]:
    """Ask the system for a host's addresses."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError as error:  # an empty or long label
        raise OSError(str(error)) from None


class Lookups:
    """Looks hosts up, each in a thread of its own: the system's call may take half a minute and has no end.

    A thread that nobody waits for any more still counts until it ends.
    """

    def __init__(self, resolve: Resolve, seconds: float) -> None:
        self._resolve = resolve
        self._seconds = seconds
        self._lock = threading.Lock()
        self._running: list[int | None] = []

    def __call__(self, host: str, port: int, account_id: int | None = None) -> list[str]:
        """Return a host's addresses.

        Parameters
        ----------
        account_id
            Who asks, for one host at a time; None for a message that is carried out.

        Raises
        ------
        OSError
            When it has none, or they are not told in time.
        LookupsBusyError
            At once, instead of waiting for other lookups.
        """
        with self._lock:
            busy = account_id is not None and account_id in self._running
            if busy or len(self._running) >= LOOKUPS:
                raise LookupsBusyError
            self._running.append(account_id)
        found: Future[list[str]] = Future()
        asking = (host, port, account_id, found)
        threading.Thread(target=self._ask, args=asking, name="lookup", daemon=True).start()
        return found.result(self._seconds)

    def _ask(self, host: str, port: int, account_id: int | None, found: Future[list[str]]) -> None:
        try:
            addresses = list(self._resolve(host, port))
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            answer: Callable[[], None] = partial(found.set_exception, error)
        else:
            answer = partial(found.set_result, addresses)
        with self._lock:
            self._running.remove(account_id)
        answer()


class Outbound:
    """Posts to addresses on the public internet.

    A name may stand for another address at each look. So the address connected to is one that was looked at,
    not what the name means a moment later. Proxies of the environment are not used, redirects not followed.

    Parameters
    ----------
    local
        Whether this very machine may be posted to, over http as well: while developing only.
    """

    def __init__(
        self,
        *,
        local: bool = False,
        resolve: Resolve = resolve,
        seconds: float = SECONDS,
        lookup_seconds: float = LOOKUP_SECONDS,
    ) -> None:
        self._local = local
        self._lookups = Lookups(resolve, lookup_seconds)
        self._seconds = seconds

    def check(self, url: str, account_id: int, path: str = "url") -> CheckedUrl:
        """Look an address up for an account; never inside a transaction.

        One that may not be posted to answers like one that there is not: who asks learns nothing of the
        names of our network.
        """
        tidy = url.strip()
        if not tidy:
            return _wrong(tidy, path, "required")
        if len(tidy) > LONGEST_URL:
            return _wrong(tidy, path, "too_long", LONGEST_URL)
        parts = self._parts(tidy)
        if parts is None:
            return _wrong(tidy, path, "bad_webhook_url")
        try:
            self._addresses(_host(parts), _port(parts), account_id)
        except LookupsBusyError:
            return _wrong(tidy, path, "lookups_busy")
        except (OSError, OutboundError):
            return _wrong(tidy, path, "unusable_host")
        return CheckedUrl(tidy)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Post and return what was answered.

        Raises
        ------
        OutboundError
            When the address may not be posted to, cannot be reached, or does not answer in time.
        """
        parts = self._parts(url)
        if parts is None:
            raise OutboundError(DeliveryFault.ADDRESS_REFUSED)
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        where = httpcore.URL(scheme=parts.scheme, host=_host(parts), port=_port(parts), target=target)
        backend = _Backend(self._to_post_to, time.monotonic() + self._seconds)
        sent = [("Host", parts.netloc), ("Content-Length", str(len(body))), *headers.items()]
        try:
            with (
                httpcore.ConnectionPool(ssl_context=_tls(), network_backend=backend) as pool,
                pool.stream("POST", where, headers=sent, content=body) as answer,
            ):
                told = {
                    name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers
                }
                return Reply(answer.status, told)
        except httpcore.TimeoutException:
            raise OutboundError(DeliveryFault.TIMED_OUT) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            raise OutboundError(DeliveryFault.UNREACHABLE) from None

    def _parts(self, url: str) -> SplitResult | None:
        """Return the parts of an address of a form we post to."""
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            return None
        try:
            parts = urlsplit(url)
            _port(parts)
        except ValueError:
            return None
        secure = parts.scheme == "https" or (self._local and parts.scheme == "http" and _host(parts) in HERE)
        bare = not parts.fragment and parts.username is None and parts.password is None
        return parts if secure and bare and _host(parts) else None

    def _to_post_to(self, host: str, port: int) -> list[str]:
        """Return a host's addresses; one that may not be posted to fails like a host that there is not."""
        try:
            return self._addresses(host, port)
        except OSError:
            raise OutboundError(DeliveryFault.ADDRESS_REFUSED) from None
        except LookupsBusyError:
            raise OutboundError(DeliveryFault.TIMED_OUT) from None

    def _addresses(self, host: str, port: int, account_id: int | None = None) -> list[str]:
        """Return a host's addresses; one that may not be posted to spoils all."""
        found = self._lookups(host, port, account_id)
        here = self._local and host in HERE
        if not found or not all(_may_be_posted_to(each, here=here) for each in found):
            raise OutboundError(DeliveryFault.ADDRESS_REFUSED)
        return found


class _Backend(httpcore.NetworkBackend):
    """Connects to addresses that were looked at, and gives every step what is left of the time."""

    def __init__(self, addresses: Callable[[str, int], list[str]], end: float) -> None:
        self._addresses = addresses
        self._end = end
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, *_arguments: Any, **_options: Any) -> httpcore.NetworkStream:
        """Connect to the first of a host's addresses that answers."""
        last: Exception | None = None
        for address in self._addresses(host, port):
            try:
                return _Stream(self._sockets.connect_tcp(address, port, timeout=_left(self._end)), self._end)
            except httpcore.ConnectError as error:
                last = error
        raise last or httpcore.ConnectError


class _Stream(httpcore.NetworkStream):
    """A connection every step of which has what is left of the time: drops that trickle in win none."""

    def __init__(self, stream: httpcore.NetworkStream, end: float) -> None:
        self._stream = stream
        self._end = end

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - ours counts
        """Read what is there."""
        return self._stream.read(max_bytes, _left(self._end))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the same
        """Write all."""
        self._stream.write(buffer, _left(self._end))

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the same
    ) -> httpcore.NetworkStream:
        """Encrypt; the certificate is the name's, whatever the address."""
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(self._end)), self._end)

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        return self._stream.get_extra_info(info)


@cache
def _tls() -> ssl.SSLContext:
    """Return what certificates are checked with: reading them takes tens of milliseconds."""
    return httpx.create_ssl_context()


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left


def _may_be_posted_to(address: str, *, here: bool) -> bool:
    found = _reached(ipaddress.ip_address(address))
    if here:
        return found.is_loopback
    return (
        found.is_global
        and not found.is_multicast
        and not found.is_reserved
        and not any(found in each for each in NOT_PUBLIC)
    )


def _reached(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, address))[1]


def _host(parts: SplitResult) -> str:
    return parts.hostname or ""


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else 443 if parts.scheme == "https" else 80


def _wrong(url: str, path: str, code: str, maximum: int | None = None) -> CheckedUrl:
    values = () if maximum is None else (("maximum", str(maximum)),)
    return CheckedUrl(url, (FieldProblem((path,), code, values),))
