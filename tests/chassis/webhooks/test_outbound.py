"""Where webhooks may go: public addresses only, whatever a name says a moment later; bounded in time and size."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.outbound import NotAllowed, Outbound, Unreachable, fault_of, is_public
from services.chassis.settings import Settings
from tests.chassis.webhooks.receiver import Receiver, certificate

PUBLIC = "93.184.215.14"
HOST = "receiver.example.test"


def settings(**fields: Any) -> Settings:
    """Settings that matter here."""
    return Settings(database_url="postgresql://none", **fields)


class Recording(httpcore.AnyIOBackend):
    """Notes the address of each connection and makes it to loopback instead."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect."""
        self.addresses.append(host)
        return await super().connect_tcp("127.0.0.1", port, timeout, local_address, socket_options)


class Names:
    """A resolver whose answer to each question is the next one it was given."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)

    async def __call__(self, _host: str, _port: int) -> list[str]:
        return list(self.answers.pop(0))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200"),
        *("0.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.0.192", "168.63.129.16", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::", "fec0::1", "2001:db8::1", "::7f00:1"),
    ],
)
def test_addresses_inside_are_not_public(address: str) -> None:
    """Loopback, private, link-local, shared, multicast, reserved, metadata; in IPv6's disguises too."""
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    """What a receiver may have."""
    assert is_public(address)


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_no_better_in_ipv6(number: int) -> None:
    """Mapped into IPv6, an address is judged as what it is."""
    address = str(IPv4Address(number))
    assert is_public(f"::ffff:{address}") == is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://example.org/",
            "ftp://example.org/",
            "example.org",
            "https://",
            "https://[::1",
            "javascript:alert(1)",
        ),
        *("https://user:secret@example.org/", "https://example.org/#part", "https://example.org:22/"),
        *(
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://169.254.169.254/latest",
            f"https://example.org/{'x' * 2000}",
        ),
    ],
)
def test_a_url_that_may_not_be_is_known_before_it_is_looked_up(url: str) -> None:
    """Scheme, credentials, fragment, port, an address inside, length."""
    assert fault_of(settings(), url)


@pytest.mark.parametrize("url", ["https://example.org/hook?a=b", "https://example.org:8443/", f"https://{PUBLIC}/"])
def test_a_url_that_may_be(url: str) -> None:
    """https to a public place and an allowed port."""
    assert fault_of(settings(), url) is None


async def test_the_connection_is_made_to_the_address_that_was_checked(tmp_path: Path) -> None:
    """A name that turns to loopback after the check is asked once: TLS and Host carry the name, the socket the address.

    Asked again for the next connection it says loopback, and nothing is sent.
    """
    pem = certificate(tmp_path, HOST)
    with Receiver(pem) as receiver:
        names, sockets = Names([PUBLIC], ["127.0.0.1"]), Recording()
        strict = settings(webhook_ports=str(receiver.port), webhook_ca_file=pem)
        receiver.answer = lambda _: (200, {"connection": "close"})
        async with Outbound(strict, names, sockets) as outbound:
            url = f"https://{HOST}:{receiver.port}/hook"
            assert (await outbound.post(url, {}, b"[]")).status == 200
            with pytest.raises(NotAllowed, match="not on the public internet"):
                await outbound.post(url, {}, b"[]")
        assert sockets.addresses == [PUBLIC]
        assert [got.headers["host"] for got in receiver.got] == [f"{HOST}:{receiver.port}"]


async def test_one_address_inside_is_enough_to_refuse(receiver: Receiver) -> None:
    """Every address a name has is checked, not the one that would be used."""
    sockets = Recording()
    strict = settings(webhook_ports=f"443,{receiver.port}")
    async with Outbound(strict, Names([PUBLIC, "10.0.0.1"]), sockets) as outbound:
        with pytest.raises(NotAllowed):
            await outbound.post(f"https://{HOST}:{receiver.port}/", {}, b"[]")
    assert not sockets.addresses
    assert not receiver.got


async def test_numbers_in_disguise_are_addresses(receiver: Receiver) -> None:
    """What the system takes for 127.0.0.1 is checked as 127.0.0.1, by the real resolver."""
    strict = settings(webhook_ports=f"443,{receiver.port}")
    async with Outbound(strict) as outbound:
        for host in ("2130706433", "0x7f000001", "127.1", "localhost"):
            with pytest.raises(Unreachable):
                await outbound.post(f"https://{host}:{receiver.port}/", {}, b"[]")
    assert not receiver.got


async def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    """TLS is verified against the name in the URL, though the socket goes to an address."""
    pem = certificate(tmp_path, HOST)
    with Receiver(pem) as receiver:
        lax = settings(webhook_insecure=True, webhook_ca_file=pem)
        async with Outbound(lax, Names(["127.0.0.1"], ["127.0.0.1"])) as outbound:
            assert (await outbound.post(f"https://{HOST}:{receiver.port}/", {}, b"[]")).status == 204
            with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
                await outbound.post(f"https://other.example.test:{receiver.port}/", {}, b"[]")
        assert len(receiver.got) == 1


async def test_a_redirect_is_an_answer(receiver: Receiver) -> None:
    """It is not followed."""
    receiver.answer = lambda _: (307, {"location": f"{receiver.url}/elsewhere"})
    async with Outbound(settings(webhook_insecure=True)) as outbound:
        assert (await outbound.post(receiver.url, {}, b"[]")).status == 307
    assert [got.path for got in receiver.got] == ["/hook"]


async def test_an_answer_without_end_is_cut(receiver: Receiver) -> None:
    """The status counts; the connection is dropped once the body passes its bound."""
    receiver.body = bytes(50_000_000)
    receiver.answer = lambda _: (200, {})
    async with Outbound(settings(webhook_insecure=True)) as outbound:
        assert (await outbound.post(receiver.url, {}, b"[]")).status == 200
        assert not outbound.pool.connections


async def test_a_receiver_that_does_not_answer_is_given_up(receiver: Receiver) -> None:
    """After the time that the settings give; and so are one that is not there and a name that is none."""
    receiver.gate.clear()
    async with Outbound(settings(webhook_insecure=True, webhook_timeout=0.2)) as outbound:
        with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
            await outbound.post(receiver.url, {}, b"[]")
    async with Outbound(settings(webhook_insecure=True)) as outbound:
        with pytest.raises(Unreachable, match="does not accept connections"):
            await outbound.post("http://127.0.0.1:1/", {}, b"[]")
        with pytest.raises(Unreachable, match="does not resolve"):
            await outbound.post(f"http://{'x' * 64}.example.test/", {}, b"[]")
