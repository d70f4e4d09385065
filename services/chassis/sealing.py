"""Secrets at rest: AES-256-GCM (NIST SP 800-38D) under keys that the settings give."""

import binascii
import os
from base64 import b64decode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class BrokenSeal(Exception):
    """None of the keys opens it, or it was sealed for something else."""


def keys_of(text: str) -> list[bytes]:
    """Keys of 32 bytes in base64, between them white space. Raises ValueError that says what is wrong."""
    try:
        keys = [b64decode(part, validate=True) for part in text.split()]
    except binascii.Error:
        raise ValueError("not base64") from None
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise ValueError(f"not one or more keys of {KEY_BYTES} bytes in base64")
    return keys


class Sealer:
    """The first key seals, each opens: put a new key in front, and take the old one away when nothing needs it."""

    def __init__(self, keys: str) -> None:
        self.ciphers = [AESGCM(key) for key in keys_of(keys)]

    def seal(self, secret: bytes, about: bytes) -> bytes:
        """`secret`, sealed; it opens only for the same `about` (the row it belongs to)."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self.ciphers[0].encrypt(nonce, secret, about)

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """What was sealed. Raises BrokenSeal."""
        for cipher in self.ciphers:
            try:
                return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
            except InvalidTag:
                continue
        raise BrokenSeal("no key opens it")
