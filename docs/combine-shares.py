#!/usr/bin/env python3
"""Combines recovery shares of koprogo-infra (version 1: see formats.md) without koprogo-infra: Python 3.7 or newer is enough.

    combine-shares.py share-1-of-3.txt share-3-of-3.txt

prints the passphrase of the private key that is on every sheet: cut it out, from BEGIN to END, and gpg --import it. A file
may hold nothing but the 13 groups of a share, as somebody typed them. Exit status 0 means that the check values were right.
"""
import hashlib
import re
import sys

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def check_value(label, *texts):
    """30 bits as 6 characters."""
    parts = [text.encode("ascii") for text in (label, *texts)]
    digest = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
    bits = int.from_bytes(digest[:4], "big") >> 2
    return "".join(ALPHABET[bits >> shift & 31] for shift in range(25, -1, -5))


def check_character(position, group):
    total = position
    for character in group + "0":
        total = (total << 1 ^ (0b100101 if total & 16 else 0)) ^ ALPHABET.index(character)
    return ALPHABET[total]


def to_bytes(text):
    number = 0
    for character in text:
        number = number << 5 | ALPHABET.index(character)
    return (number >> len(text) * 5 % 8).to_bytes(len(text) * 5 // 8, "big")


def read(path):
    with open(path, encoding="ascii", errors="replace") as file:
        text = file.read(65536)
    inner = re.search("BEGIN KOPROGO RECOVERY SHARE-----(.*?)-----END KOPROGO", text, re.DOTALL)
    typed = re.sub(r"[\s-]", "", inner[1] if inner else text).lower().translate(str.maketrans("oil", "011"))
    if len(typed) != 65 or re.search(f"[^{ALPHABET}]", typed):
        sys.exit(f"{path}: not 13 groups of 5 digits and letters (without u)")
    groups = [typed[at:at + 5] for at in range(0, 65, 5)]
    wrong = [n for n, group in enumerate(groups, 1) if check_character(n, group[:4]) != group[4]]
    if wrong:
        sys.exit(f"{path}: typing error in group {', '.join(map(str, wrong))}")
    data = "".join(group[:4] for group in groups)
    if data[46:] != check_value("koprogo-infra recovery share 1", data[:46]):
        sys.exit(f"{path}: typing errors")
    if data[0] != "1":
        sys.exit(f"{path}: a newer version of the format")
    return data[1:11], to_bytes(data[12:46])


def multiply(a, b):
    """In GF(2^8) with the polynomial x^8 + x^4 + x^3 + x + 1."""
    product = 0
    for bit in range(8):
        product ^= a << bit if b >> bit & 1 else 0
    for bit in range(14, 7, -1):
        product ^= 0x11B << bit - 8 if product >> bit & 1 else 0
    return product


def at_zero(points):
    """The value at 0 of the polynomial through these points, by Lagrange."""
    total = 0
    for x, y in points:
        for other, _ in points:
            if other != x:
                inverse = next(n for n in range(1, 256) if multiply(n, x ^ other) == 1)
                y = multiply(y, multiply(other, inverse))
        total ^= y
    return total


def main():
    shares = [read(path) for path in sys.argv[1:]]
    headers = {header for header, _ in shares}
    if len(headers) != 1:
        sys.exit("name the files of shares of one set")
    (header,) = headers
    threshold, count = (ALPHABET.index(character) for character in header[8:])
    points = {value[20]: value for _, value in shares}
    if len(points) < threshold:
        sys.exit(f"{threshold} different shares of the {count} are needed")
    secret = bytes(at_zero([(x, value[n]) for x, value in points.items()]) for n in range(20))
    number = int.from_bytes(secret, "big")
    text = "".join(ALPHABET[number >> shift & 31] for shift in range(155, -1, -5))
    if text[26:] != check_value("koprogo-infra recovery passphrase 1", header[:8], str(threshold), str(count), text[:26]):
        sys.exit("these shares do not give the passphrase together")
    print("-".join(text[:26][at:at + 5] for at in range(0, 26, 5)))


if __name__ == "__main__":
    main()
