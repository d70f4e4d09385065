"""A certificate authority of a test's own, and TLS in front of an engine that has none."""

import asyncio
import ipaddress
import ssl
import struct
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

SSL_REQUEST = struct.pack("!ll", 8, 80877103)
"""How a PostgreSQL client asks for TLS (protocol, § SSL Session Encryption)."""


class Identity(NamedTuple):
    """Files of one key holder: certificate, key, and both in one."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """Signs certificates; everything lies in `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._builder(self.subject, self.key.public_key())
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        own = own.add_extension(usage, critical=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(own.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def issue(self, name: str, host: str | None = None) -> Identity:
        """A key and a certificate for `host`, a name or an address; without one, for a client."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        builder = self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key())
        if host is not None:
            try:
                where: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
            except ValueError:
                where = x509.DNSName(host)
            builder = builder.add_extension(x509.SubjectAlternativeName([where]), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        made = Identity(*(self.folder / f"{self.name}-{name}.{kind}" for kind in ("crt", "key", "pem")))
        for path, content in zip(made, (certificate, private, private + certificate), strict=True):
            path.write_bytes(content)
        return made

    def _builder(self, subject: x509.Name, key: rsa.RSAPublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )


class PostgresTls:
    """Ends TLS before a PostgreSQL on 127.0.0.1 that was built without it; refuses whoever does not ask for TLS."""

    def __init__(self, identity: Identity, port: int) -> None:
        self.upstream = port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.certificate, identity.key)
        self.served = 0

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self._session, "127.0.0.1", 0)
        self.port: int = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(len(SSL_REQUEST)) == SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(self.context)
                self.served += 1
                engine, to_engine = await asyncio.open_connection("127.0.0.1", self.upstream)
                await asyncio.gather(_pump(reader, to_engine), _pump(engine, writer))
        writer.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()
