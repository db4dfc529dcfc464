#!/usr/bin/env python3
"""Decrypts one encrypted object of koprogo-infra (an envelope, version 1: see formats.md) without koprogo-infra.

Needs Python 3.9 or newer and the package "cryptography" (Debian: python3-cryptography). The content goes to standard
output, each chunk only after its tag was verified. **Only exit status 0 means that the content is whole**: after an
error, throw away what was written. Exit status 1: damaged, another object, or another key. 2: wrong arguments.

    open-envelope.py --installation tilleuls --kind document --name answers --serial 3 --kek-file key.b64 object.bin

The key is 32 bytes in base64, in a file or in an environment variable, so that it is seen in no list of processes:
--kek-file, --kek-env            the key-encryption key of the providers "none" and "local"
--data-key-file, --data-key-env  the object's own data key, as a KMS or Vault unwraps it
"""
import argparse
import base64
import hashlib
import hmac
import os
import re
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TAG = 16
MAX_CHUNKS = 2**32


class Refused(Exception):
    pass


def parts(*texts):
    """Each text in UTF-8 with its length before it."""
    encoded = [text.encode("utf-8") for text in texts]
    return b"".join(struct.pack(">I", len(each)) + each for each in encoded)


def exactly(source, count):
    found = source.read(count)
    if len(found) != count:
        raise Refused("cut short")
    return found


def field(source, limit):
    (length,) = struct.unpack(">H", exactly(source, 2))
    if not 1 <= length <= limit:
        raise Refused("damaged: a length is out of range")
    return exactly(source, length)


def unwrap(kek, wrapped, key_id, context):
    if len(wrapped) != 12 + 32 + TAG:
        raise Refused("its data key was not wrapped by a provider \"none\" or \"local\": give the data key")
    bound = parts("koprogo-infra data key 1", key_id, context.installation, context.kind, context.name)
    try:
        return AESGCM(kek).decrypt(wrapped[:12], wrapped[12:], bound)
    except InvalidTag:
        raise Refused(f"key \"{key_id}\": this is another key or another object, or the object is damaged") from None


def decrypt(source, sink, key, is_kek, context):
    prefix = exactly(source, 8)
    magic, version, suite, log2, reserved = struct.unpack(">4sBBBB", prefix)
    if magic != b"KPEN":
        raise Refused("not an encrypted object")
    if version != 1 or suite != 1:
        raise Refused(f"version {version}, suite {suite}: this program reads version 1, suite 1")
    if not 10 <= log2 <= 24 or reserved != 0:
        raise Refused("damaged: the head makes no sense")
    salt, commitment = exactly(source, 32), exactly(source, 32)
    key_id = field(source, 255)
    if not re.fullmatch(rb"[ -~]+", key_id):
        raise Refused("damaged: the key id is not printable")
    wrapped = field(source, 4096)
    data_key = unwrap(key, wrapped, key_id.decode("ascii"), context) if is_kek else key

    context_hash = hashlib.sha512(parts(context.installation, context.kind, context.name, str(context.serial))).digest()
    info = b"koprogo-infra envelope" + prefix + context_hash
    derived = HKDF(algorithm=SHA512(), length=64, salt=salt, info=info).derive(data_key)
    if not hmac.compare_digest(derived[32:], commitment):
        raise Refused("another object, an older or newer copy of it, another key, or damaged")
    aead = AESGCM(derived[:32])
    associated = prefix + salt + commitment + context_hash

    size = 2**log2 + TAG
    chunk = source.read(size)
    for count in range(MAX_CHUNKS):
        following = source.read(size) if len(chunk) == size else b""
        nonce = count.to_bytes(11, "big") + (b"\0" if following else b"\1")
        try:
            plain = aead.decrypt(nonce, chunk, associated)
        except (InvalidTag, ValueError):
            raise Refused(f"chunk {count + 1} is damaged, cut, or out of its place") from None
        sink.write(plain)
        if not following:
            return sink.flush()
        chunk = following
    raise Refused("too many chunks")


def read_key(arguments):
    """The key, and whether it is a key-encryption key."""
    path = arguments.kek_file or arguments.data_key_file
    if path:
        with open(path, encoding="ascii") as file:
            text = file.read(200)
    else:
        text = os.environ[arguments.kek_env or arguments.data_key_env]
    key = base64.b64decode(text.strip(), validate=True)
    if len(key) != 32:
        raise ValueError("a key has 32 bytes")
    return key, bool(arguments.kek_file or arguments.kek_env)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("installation", "kind", "name"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--serial", required=True, type=int)
    given = parser.add_mutually_exclusive_group(required=True)
    for name in ("kek-file", "kek-env", "data-key-file", "data-key-env"):
        given.add_argument(f"--{name}")
    parser.add_argument("file")
    arguments = parser.parse_args()
    try:
        key, is_kek = read_key(arguments)
        source = open(arguments.file, "rb")
    except (OSError, KeyError, ValueError):
        parser.error("the key or the file cannot be read: a key is 32 bytes in base64")
    try:
        with source:
            decrypt(source, sys.stdout.buffer, key, is_kek, arguments)
    except (Refused, OSError) as error:
        sys.exit(f"{arguments.kind} \"{arguments.name}\" of {arguments.installation} is refused: {error}")


if __name__ == "__main__":
    main()
