"""Normal forms of single values: fixed cases, and properties that hold for any text."""

import json
import string

import pyarrow as pa
import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA, is_crawler
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graph.clean.agents import Crawlers, UserAgents
from graph.clean.distinct import Memo
from graph.clean.identifiers import _JUNK, SEPARATOR, advertising_id, email, phone
from graph.clean.json_objects import json_objects
from graph.clean.person import Countries, birth_date, gender, name, place, postcode
from graph.clean.text import as_text, free_text, ids, tags, words
from graph.clean.values import bcp47, categories, currency, lists, numbers, purposes, truth
from graph.clean.web import canonical_url, network
from graph.clean.zones import Zones, offset_minutes

few = settings(max_examples=150, deadline=None)
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (" John.DOE@Gmail.com ", "john.doe@gmail.com"),
        ("John Doe <j.doe@x.org>", "j.doe@x.org"),
        ("mailto:a.b@x.de", "a.b@x.de"),
        ("a@BÜCHER.de", "a@bücher.de"),
        ("jane.miller@example.com", "jane.miller@example.com"),
        ("test@firm.com", None),
        ("noreply@firm.com", None),
        ("no-reply+x@firm.com", None),
        ("none@none.com", None),
        ("user@example.com", None),
        ("user@firm.com", "user@firm.com"),
        ("a@localhost", None),
        ("a..b@x.com", None),
        ("@x.com", None),
        ("idlewrs.cocm", None),
        ("x" * 65 + "@x.com", None),
        ("", None),
    ],
)
def test_email(raw, expected):
    assert email(raw) == expected


addresses = st.from_regex(r"[a-zA-Z0-9._+\-']{1,12}@[a-z0-9.\-]{1,14}\.(com|de|test|museum)", fullmatch=True)


@given(addresses)
@few
def test_email_accepts_what_the_validator_accepts_but_junk(text):
    try:
        expected = validate_email(text.lower(), check_deliverability=False, strict=True).normalized.lower()
    except EmailNotValidError:
        assert email(text) is None
        return
    plain = expected.partition("@")[0].partition("+")[0]
    assert email(text) == (None if plain in _JUNK else expected)


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("+44 20 8366 1177", "", "+442083661177"),
        ("0044 20 8366 1177", "", "+442083661177"),
        ("tel:+1-212-555-2368", "", "+12125552368"),
        ("020 8366 1177", "GB", "+442083661177"),
        ("(212) 555-2368", "US", "+12125552368"),
        ("020 8366 1177", "", "02083661177"),
        ("12", "GB", None),
        ("0000000000", "", None),
        ("1234567890", "US", None),
        ("call me", "", None),
        ("", "", None),
    ],
)
def test_phone(raw, country, expected):
    assert phone(raw + SEPARATOR + country) == expected


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("1990-05-10", "", "1990-05-10"),
        ("19900510", "", "1990-05-10"),
        ("1990/5/1", "", "1990-05-01"),
        ("1990-05-10T00:00:00Z", "", "1990-05-10"),
        ("10.05.1990", "US", "1990-05-10"),
        ("13/02/1980", "US", "1980-02-13"),
        ("02/13/1980", "", "1980-02-13"),
        ("03/02/1980", "", "1980-02-03"),
        ("03/02/1980", "US", "1980-03-02"),
        ("5 May 1990", "", "1990-05-05"),
        ("1990-02-30", "", None),
        ("19261332", "", None),
        ("0000-00-00", "", None),
        ("1900-01-01", "", None),
        ("13/13/1980", "", None),
        ("yesterday", "", None),
        ("90-05-10", "", None),
    ],
)
def test_birth_date(raw, country, expected):
    assert birth_date(raw + SEPARATOR + country) == expected


def test_people():
    assert name("  José   ＭＡＲＩＡ ") == "José MARIA"
    assert name("NULL") is None
    assert name("123") is None
    assert place("5") == "5"
    assert place("n/a") is None
    assert gender("Male.") == "male"
    assert gender("W") == "female"
    assert gender("?") is None
    assert postcode(" sw1a  1aa ") == "SW1A 1AA"
    assert postcode("00000") is None
    countries = Countries()
    cases = {"uk": "GB", "United Kingdom": "GB", "DEU": "DE", "de": "DE", "germany": "DE", "NA": "NA", "Freedonia": None}
    assert {c: countries(c) for c in cases} == cases


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:8080", "1.2.3.4"),
        ("1.2.3.4, 10.0.0.1", "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("ip1440", "ip1440"),
        ("999.1.1.1", "999.1.1.1"),
        ("127.0.0.1", None),
        ("0.0.0.0", None),
        ("::1", None),
        ("null", None),
        ("", None),
    ],
)
def test_network(raw, expected):
    assert network(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("HTTP://Example.com:80/a?utm_source=x&b=1#f", "http://example.com/a?b=1"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com/?b=2&a=1&gclid=zz", "https://example.com/?a=1&b=2"),
        ("https://example.com/caf%c3%a9", "https://example.com/caf%C3%A9"),
        ("u19724", "u19724"),
        ("http://[bad", "http://[bad"),
        (" ", None),
    ],
)
def test_canonical_url(raw, expected):
    assert canonical_url(raw) == expected


def test_long_urls_have_a_short_key():
    key = canonical_url("https://example.com/?q=" + "x" * 2000)
    assert key.startswith("url-sha256:")
    assert len(key) < 100


def test_zones():
    zones = Zones()
    cases = {
        "Europe/Berlin": "Europe/Berlin",
        "europe/berlin": "Europe/Berlin",
        "Pacific Standard Time": "America/Los_Angeles",
        "Pacific Daylight Time": "America/Los_Angeles",
        "British Summer Time": "Europe/London",
        "+0530": "+05:30",
        "UTC-8": "-08:00",
        "GMT": "UTC",
        "Mars": None,
        "+25:00": None,
        "": None,
    }
    assert {z: zones(z) for z in cases} == cases
    assert offset_minutes("-08:30") == -510
    assert offset_minutes("Europe/Berlin") is None


def test_crawlers_agree_with_the_list_they_index():
    crawlers = Crawlers()
    agents = [a for entry in CRAWLER_USER_AGENTS_DATA[::7] for a in entry["instances"][:2]]
    agents += ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36", "", "ab", "Silk/1"]
    assert len(agents) > 200
    assert [crawlers(a) for a in agents] == [is_crawler(a) for a in agents]


IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 Version/16.5 Mobile/15E148 Safari/604.1"
IPAD = "Mozilla/5.0 (iPad; CPU OS 16_5 like Mac OS X) AppleWebKit/605.1.15 Version/16.5 Safari/604.1"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"


def test_user_agents():
    read = UserAgents()
    assert read(IPHONE) == ("mobile", "iOS", "Mobile Safari", False)
    assert read("Googlebot/2.1 (+http://www.google.com/bot.html)").bot
    assert read(IPAD).kind == "tablet"
    assert read(CHROME) == ("desktop", "Windows", "Chrome", False)
    assert read("nothing known") == (None, None, None, False)


def test_small_values():
    assert advertising_id("00000000-0000-0000-0000-000000000000") is None
    assert advertising_id("AEBE52E7-03EE-455A-B3C4-E57283966239") == "aebe52e7-03ee-455a-b3c4-e57283966239"
    assert currency(" eur") == "EUR"
    assert currency("XXZ") is None
    assert bcp47("en_US.UTF-8") == "en-US"
    assert bcp47("de-DE,de;q=0.9") == "de-DE"
    assert categories(" Action | Drama|Action||null") == ["Action", "Drama"]
    assert categories('["a|b", "c"]') == ["a|b", "c"]
    assert categories("") is None
    assert purposes("1, 2,7") == ["1", "2", "7"]
    assert purposes("[]") == []
    assert purposes("") is None
    listed = pa.array([["a", None, "a"], [], None, [" b"]])
    assert lists(listed).to_pylist() == [["a"], None, None, [" b"]]
    assert lists(listed, empty=True).to_pylist() == [["a"], [], None, [" b"]]
    assert lists(pa.array([[1, 2], None])).to_pylist() == [["1", "2"], None]


def test_numbers():
    texts = pa.array(["1", "-2.5", "1e3", "nan", "inf", "1,5", "", None, "1e999"])
    assert numbers(texts).to_pylist() == [1.0, -2.5, 1000.0, None, None, None, None, None, None]
    assert numbers(pa.array([1.0, -1.0, float("nan"), float("inf")]), negative=False).to_pylist() == [1.0, None, None, None]
    assert numbers(pa.array(["true", "0", "0.3"]), truth_values=True).to_pylist() == [1.0, 0.0, 0.3]
    assert truth(pa.array(["Yes", "0", "maybe", None])).to_pylist() == [True, False, None, None]


def test_texts_of_any_type():
    assert as_text(pa.array([12.0, 1.5, float("nan")])).to_pylist() == ["12", "1.5", "nan"]
    assert as_text(pa.array([7, None])).to_pylist() == ["7", None]
    assert as_text(pa.array(["a", "b", "a"]).dictionary_encode()).to_pylist() == ["a", "b", "a"]
    assert as_text(pa.array([b"\xff", b"ok"])).to_pylist() == ["�", "ok"]
    assert as_text(pa.array([{"a": [1]}])).to_pylist() == ['{"a":[1]}']


def test_ids_words_tags_and_free_text():
    raw = pa.array([" a ", "NULL", "0000000", "0", "", "x" * 1025, "a\x00b", "a�", "00000000-0000-0000-0000-000000000000", None])
    assert ids(raw).to_pylist() == ["a", None, None, "0", None, None, None, None, None, None]
    assert words(pa.array([" Berlin ", "n/a", "  ", "a\x00b"])).to_pylist() == ["Berlin", None, None, "ab"]
    assert free_text(pa.array([" None ", "\t\n", "a\x00\nb"])).to_pylist() == [" None ", None, "a\nb"]
    assert tags(pa.array([" jazz ", "none", "", "a\x00"])).to_pylist() == [" jazz ", "none", None, None]


@given(st.lists(any_text, max_size=20))
@few
def test_normal_forms_are_stable(texts):
    """Cleaning what is clean changes nothing."""
    column = pa.array(texts, pa.string())
    for rule in (ids, words, tags, free_text):
        once = rule(column)
        assert rule(once).equals(once)
    for function in (email, name, place, postcode, gender, network, canonical_url, bcp47, currency, advertising_id, Zones()):
        for text in texts:
            once = function(text)
            assert once is None or function(once) == once, (function, text)


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
@example("+200000000000")
@example("+4900301234567")
@few
def test_e164_is_stable(text):
    once = phone(text + SEPARATOR)
    assert once is None or phone(once + SEPARATOR) == once


@given(st.lists(st.tuples(st.none() | any_text, st.none() | st.floats() | st.integers(-5, 5).map(float)), max_size=15))
@few
def test_json_objects_are_json(rows):
    columns = {'te"xt': pa.array([t for t, _ in rows], pa.string()), "number": pa.array([n for _, n in rows], pa.float64())}
    found = json_objects(columns, len(rows)).to_pylist()
    assert len(found) == len(rows)
    for (text, number), written in zip(rows, found, strict=True):
        if text is None and number is None:
            assert written is None
            continue
        read = json.loads(written)
        assert read.get('te"xt') == text
        if number is not None and number == number and abs(number) != float("inf"):
            assert read["number"] == pytest.approx(number)


def test_memo_forgets_when_full(monkeypatch):
    monkeypatch.setattr("graph.clean.distinct._LIMIT", 10)
    calls = []
    memo = Memo(lambda text: calls.append(text) or text.upper())
    letters = list(string.ascii_lowercase)
    assert memo.column(pa.array([*letters, None, "a"])).to_pylist() == [*string.ascii_uppercase, None, "A"]
    assert len(memo._known) <= 10
