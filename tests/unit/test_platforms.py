"""What advertising platforms take: published vectors, each rule by itself, whole rows, and the hashing of anything."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.privacy.platforms import PLATFORMS, Platform, normal
from graph.privacy.platforms.rules import Form

FIELDS = ("email", "phone", "given_name", "family_name", "city", "region", "postcode", "country", "birth_date", "gender")
GOOGLE, META, TIKTOK, UID2 = (PLATFORMS[name] for name in ("google", "meta", "tiktok", "uid2"))
EMAIL_HEX = "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514"
PHONE_HEX = "10e6f0b47054a83359477dcb35231db6de5c69fb1816e1a6b98e192de9e5b9ee"


def cell(platform: Platform, header: str, **fields: str) -> str | None:
    column = next(c for c in platform.columns if c.header == header)
    return column.written(dict.fromkeys(FIELDS) | fields)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("platform", "header", "field", "text", "expected"),
    [
        # user@example.com and +12345678901: documentation of UID2; the hexadecimal form is the same hash.
        (GOOGLE, "Email", "email", "user@example.com", EMAIL_HEX),
        (GOOGLE, "Email", "email", " USER@example.com ", EMAIL_HEX),
        (META, "email", "email", "user@example.com", EMAIL_HEX),
        (TIKTOK, "Email_SHA256", "email", "user@example.com", EMAIL_HEX),
        (TIKTOK, "Email_SHA256", "email", "User+news@example.com", EMAIL_HEX),
        (UID2, "email_hash", "email", "USER@example.com", "tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ="),
        (UID2, "email_hash", "email", "JANESaoirse@gmail.com", "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8="),
        (UID2, "email_hash", "email", "Jane.Saoirse@gmail.com", "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8="),
        (UID2, "email_hash", "email", "jane.saoirse+uid2@gmail.com", "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8="),
        (GOOGLE, "Phone", "phone", "+12345678901", PHONE_HEX),
        (TIKTOK, "Phone_SHA256", "phone", "+12345678901", PHONE_HEX),
        (UID2, "phone_hash", "phone", "+12345678901", "EObwtHBUqDNZR33LNSMdtt5cafsYFuGmuY4ZLenlue4="),
        # Meta's "Customer information parameters".
        (META, "email", "email", "John_Smith@gmail.com", "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"),
        (META, "phone", "phone", "+16505551212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
        (META, "fn", "given_name", "Mary", "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"),
        (META, "fn", "given_name", "정", "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"),
        (META, "fn", "given_name", "Valéry", "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
    ],
)
def test_published_vectors(platform: Platform, header: str, field: str, text: str, expected: str) -> None:
    assert cell(platform, header, **{field: text}) == expected


@pytest.mark.parametrize(
    ("platform", "header", "fields", "normal"),
    [
        (GOOGLE, "Email", {"email": "cloudy.sanfrancisco+shopping@gmail.com"}, "cloudysanfrancisco@gmail.com"),
        (GOOGLE, "Email", {"email": "a.b+c@googlemail.com"}, "ab@googlemail.com"),
        (GOOGLE, "Email", {"email": "user.name+NYC@Example.com"}, "user.name+nyc@example.com"),
        (UID2, "email_hash", {"email": "a.b+c@googlemail.com"}, "a.b+c@googlemail.com"),
        (META, "email", {"email": "a.b+c@gmail.com"}, "a.b+c@gmail.com"),
        (TIKTOK, "Email_SHA256", {"email": "a.b+c@gmail.com"}, "a.b@gmail.com"),
        (META, "phone", {"phone": "+442079460000"}, "442079460000"),
        (META, "ln", {"family_name": "O'Neill-Smith  Jr."}, "oneillsmith jr"),
        (META, "fn", {"given_name": "Zoe\u0301"}, "zoé"),
        (META, "ct", {"city": "New York"}, "newyork"),
        (META, "ct", {"city": "St. Gallen 9"}, "stgallen"),
        (META, "st", {"region": "CA", "country": "US"}, "ca"),
        (META, "st", {"region": "Île-de-France", "country": "FR"}, "îledefrance"),
        (META, "zip", {"postcode": "94035-1234", "country": "US"}, "94035"),
        (META, "zip", {"postcode": "SW1A 1AA", "country": "GB"}, "sw1a1aa"),
        (META, "country", {"country": "US"}, "us"),
        (META, "dob", {"birth_date": "1985-02-11"}, "19850211"),
        (META, "gen", {"gender": "female"}, "f"),
    ],
)
def test_normal_forms(platform: Platform, header: str, fields: dict[str, str], normal: str) -> None:
    expected = sha(normal)
    if platform is UID2:
        expected = base64.b64encode(bytes.fromhex(expected)).decode()
    assert cell(platform, header, **fields) == expected


@pytest.mark.parametrize(
    ("platform", "header", "fields"),
    [
        (GOOGLE, "Email", {"email": "+x@gmail.com"}),
        (GOOGLE, "Email", {"email": "nobody"}),
        (TIKTOK, "Email_SHA256", {"email": "+x@example.com"}),
        (META, "email", {"email": "@example.com"}),
        (UID2, "phone_hash", {"phone": "0301234567"}),
        (GOOGLE, "Phone", {"phone": "+0123456789"}),
        (META, "phone", {"phone": "+1234"}),
        (META, "st", {"region": "California", "country": "US"}),
        (META, "gen", {"gender": "other"}),
        (META, "dob", {"birth_date": "1985"}),
        (META, "fn", {"given_name": "..."}),
    ],
)
def test_what_cannot_be_used_is_left_out(platform: Platform, header: str, fields: dict[str, str]) -> None:
    assert cell(platform, header, **fields) is None


def test_google_gets_a_name_with_its_whole_address_or_not_at_all() -> None:
    whole = {"given_name": " Zoë", "family_name": "Pérez", "country": "SG", "postcode": "WC2H 8LG"}
    account: dict[str, Any] = dict.fromkeys(FIELDS) | {"email": "user@example.com"}
    assert GOOGLE.row(account | whole) == (EMAIL_HEX, None, sha("zoë"), sha("pérez"), "SG", "WC2H 8LG")
    for missing in whole:
        assert GOOGLE.row(account | whole | {missing: None}) == (EMAIL_HEX, None, None, None, None, None)
    assert GOOGLE.row(account | whole | {"postcode": "=1+1"}) == (EMAIL_HEX, None, sha("zoë"), sha("pérez"), "SG", None)
    assert GOOGLE.row(dict.fromkeys(FIELDS) | whole) is None


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("User@example.com", "user@example.com"),
        ("user+news@example.com", "user@example.com"),
        ("u.s.er@example.com", "u.s.er@example.com"),
        ("u.s.er+x@googlemail.com", "user@gmail.com"),
        ("+x@example.com", None),
        (".@gmail.com", None),
    ],
)
def test_the_mailbox_behind_an_address(address: str, mailbox: str | None) -> None:
    assert normal.mailbox(address) == mailbox


@given(st.text(max_size=20), st.text(max_size=20))
def test_addresses_of_one_hash_are_of_one_mailbox(left: str, right: str) -> None:
    """So that whoever refuses is found behind every spelling."""
    for domain in ("gmail.com", "example.com"):
        one, other = f"{left}@{domain}", f"{right}+{left}@{domain}"
        for platform in PLATFORMS.values():
            hashes = {cell(platform, platform.columns[0].header, email=text) for text in (one, other)}
            if len(hashes) == 1 and hashes != {None}:
                assert normal.mailbox(one) == normal.mailbox(other)


def test_every_set_of_rules_has_a_version() -> None:
    versions = [platform.version for platform in PLATFORMS.values()]
    assert len(set(versions)) == len(versions)
    assert all(re.fullmatch(r"[a-z0-9-]+/[1-9][0-9]*", version) for version in versions)


HASHED = {Form.HEX: r"[0-9a-f]{64}", Form.BASE64: r"[A-Za-z0-9+/]{43}=", Form.PLAIN: r"[A-Z0-9][A-Z0-9 -]{0,15}"}


@given(st.sampled_from(list(PLATFORMS.values())), st.fixed_dictionaries({f: st.none() | st.text(max_size=30) for f in FIELDS}))
def test_no_cell_but_country_and_postcode_shows_what_it_was_made_from(platform: Platform, account: dict[str, str | None]) -> None:
    for column in platform.columns:
        written = column.written(account)
        assert written is None or re.fullmatch(HASHED[column.form], written)
