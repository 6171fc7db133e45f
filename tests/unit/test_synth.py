"""The synthetic population: the same seed gives the same files, the tables are what a source may hold, input and truth speak
of the same things, the input does not tell the truth, and shares are as asked."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from graph.errors import InputError, SettingsError
from graph.files import read_table
from graph.privacy.signals import Verdict, verdict
from graph.synth import MILLION, PRESETS, Population, Truth, generate
from graph.synth.accounts import NULL_LIKES
from graph.synth.consents import encode_tcf
from graph.synth.draw import data
from graph.synth.records import DOMAINS
from graph.tables import TABLES

SMALL = Population(people=900, devices=2_900, events=24_000, contents=600, days=40, seed=3)
IDS = {"device": "device_id", "account": "account_id"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return generate(tmp_path_factory.mktemp("population"), SMALL)


@pytest.fixture(scope="module")
def source(made: Truth) -> dict[str, pa.Table]:
    return {name: pq.read_table(made.source / f"{name}.parquet") for name in TABLES if name != "quarantine"}


@pytest.fixture(scope="module")
def truth(made: Truth) -> dict[str, pa.Table]:
    return {path.stem: pq.read_table(path) for path in made.truth.glob("*.parquet")}


def texts(table: pa.Table) -> Iterator[tuple[str, list[str]]]:
    for field in table.schema:
        if pa.types.is_string(field.type):
            yield field.name, pc.drop_null(pc.unique(table[field.name])).to_pylist()


def digests(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*.parquet"))}


def test_same_seed_same_files_other_seed_other_files(made: Truth, tmp_path: Path) -> None:
    again = generate(tmp_path / "again", SMALL)
    assert digests(tmp_path / "again") == digests(made.source.parent)
    assert again.summary() == made.summary()
    other = digests(generate(tmp_path / "other", replace(SMALL, seed=4)).source.parent)
    same = [name for name, digest in digests(made.source.parent).items() if other[name] == digest]
    assert same == []


def test_every_table_is_one_that_a_source_may_hold(made: Truth, source: dict[str, pa.Table]) -> None:
    assert {p.name for p in made.source.iterdir()} == {f"{name}.parquet" for name in source}
    for name, table in source.items():
        spec = TABLES[name]
        assert table.num_rows > 0
        for column in spec.required:
            assert table[column].null_count == 0, (name, column)
        if spec.one_of:
            given = [pc.is_valid(table[column]) for column in spec.one_of]
            assert pc.all(pc.or_(*given)).as_py(), name
        for field in table.schema:
            if field.name in spec.columns:
                assert field.type == spec.columns[field.name], (name, field)
        keys = table.select(list(spec.key)).group_by(list(spec.key)).aggregate([])
        assert keys.num_rows == table.num_rows, f"{name}: a key stands twice"
    unknown = {name: set(table.column_names) - set(TABLES[name].columns) for name, table in source.items()}
    assert unknown["devices"] == {"screen"}
    assert unknown["accounts"] == {"loyalty_tier"}


def test_sizes_are_exact(made: Truth, source: dict[str, pa.Table], truth: dict[str, pa.Table]) -> None:
    kinds = Counter(truth["identities"]["kind"].to_pylist())
    assert made.events == source["events"].num_rows == SMALL.events
    assert made.devices == kinds["device"] == SMALL.devices
    assert made.accounts == kinds["account"] == source["accounts"].num_rows
    assert made.contents == source["contents"].num_rows == SMALL.contents
    assert truth["households"].num_rows == SMALL.people
    assert pc.count_distinct(truth["households"]["household"]).as_py() == made.households


def test_input_and_truth_name_the_same_devices_and_accounts(source: dict[str, pa.Table], truth: dict[str, pa.Table]) -> None:
    named: dict[str, set[str]] = {"device": set(), "account": set()}
    for kind, column in IDS.items():
        named[kind] |= set(source["events"][column].drop_null().to_pylist())
        named[kind] |= set(source[f"{kind}s"][column].to_pylist())
    for table, prefix in (("relations", "from"), ("relations", "to"), ("labels", "subject"), ("consents", "subject")):
        rows = source[table].select([f"{prefix}_kind", f"{prefix}_id"]).to_pylist()
        for row in rows:
            assert row[f"{prefix}_id"] in named[row[f"{prefix}_kind"]], (table, row)
    for name in ("identities", "classes"):
        found = [(r["kind"], r["id"]) for r in truth[name].select(["kind", "id"]).to_pylist()]
        assert len(found) == len(set(found))
        assert {i for k, i in found if k == "device"} == named["device"]
        assert {i for k, i in found if k == "account"} == named["account"]
    contents = set(source["contents"]["content_id"].to_pylist())
    assert set(source["events"]["content_id"].drop_null().to_pylist()) <= contents
    people = set(truth["identities"]["person"].to_pylist())
    assert people >= set(truth["households"]["person"].to_pylist())


def test_the_input_does_not_tell_the_truth(source: dict[str, pa.Table], truth: dict[str, pa.Table]) -> None:
    secret = re.compile(r"person-\d|household-\d")
    for name, table in source.items():
        for column, values in texts(table):
            assert not [v for v in values if secret.search(v)], (name, column)
    person = {(r["kind"], r["id"]): r["person"] for r in truth["identities"].to_pylist()}
    for kind, column in IDS.items():
        ids = source[f"{kind}s"][column].to_pylist()
        for order in (ids, sorted(ids)):  # neither the order of rows nor the id itself says who belongs together
            same = sum(person[kind, a] == person[kind, b] for a, b in pairwise(order))
            assert same <= 12, f"{kind}: {same} neighbours of {len(order)} are one person"
    hidden = set(truth["labels"]["subject_id"].to_pylist())
    given = set(source["labels"]["subject_id"].to_pylist())
    assert not {person["account", a] for a in hidden} & {person["account", a] for a in given}


def test_personal_data_names_nobody_real(source: dict[str, pa.Table]) -> None:
    accounts = source["accounts"]
    domains = {v.strip().lower().rpartition("@")[2] for v in accounts["email"].drop_null().to_pylist() if v not in NULL_LIKES}
    assert domains == set(DOMAINS)
    hosts = {re.sub(r"^https://([^/]+)/.*", r"\1", url) for url in source["contents"]["url"].to_pylist()}
    assert all(re.fullmatch(r"([a-z]+\.)?example\.(com|net|org)", host) for host in hosts)
    reserved = [ipaddress.ip_network(n) for n in ("198.18.0.0/15", "100.64.0.0/10", "2001:db8::/32")]
    for text in pc.unique(source["events"]["ip"]).drop_null().to_pylist():
        address = ipaddress.ip_address(text)
        assert any(address in network for network in reserved if network.version == address.version), text
    fictional = re.compile(r"\+1\d{3}55501\d\d|\+44(\d{3}49[68]0|2079460|2920180|2896496)\d{3}|\+61[2378](5550|7010)\d{4}")
    valid = 0
    for row in accounts.select(["phone", "country"]).to_pylist():
        if row["phone"] is None or row["phone"] in ("0000000000", "n/a", "1234567890", "-"):
            continue
        number = phonenumbers.parse(row["phone"], row["country"])
        assert phonenumbers.is_valid_number(number), row
        text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        assert fictional.fullmatch(text), text
        valid += 1
    assert valid > 300


def test_titles_are_in_english_and_chinese_and_name_their_topic(source: dict[str, pa.Table]) -> None:
    titles = source["contents"].select(["title", "lang", "category"]).to_pylist()
    chinese = [t for t in titles if re.search(r"[\u4e00-\u9fff]", t["title"])]
    assert 0.25 < len(chinese) / len(titles) < 0.45
    assert {t["lang"] for t in chinese} == {"zh", None}
    words = {t["tag"]: [w.lower() for w in (*t["en"], *t["zh"])] for t in data("topics.json")["topics"]}
    known = [t for t in titles if t["category"]]
    assert 0.5 < len(known) / len(titles) < 0.7
    told = sum(any(w in t["title"].lower() for tag in t["category"] for w in words[tag]) for t in known)
    assert 0.75 < told / len(known) < 0.97  # most titles say what they are about, not all
    assert len({tag for t in known for tag in t["category"]} & set(words)) >= len(words) - 3


def test_shares_are_as_asked(made: Truth, source: dict[str, pa.Table], truth: dict[str, pa.Table]) -> None:
    classes = Counter(r["class"] for r in truth["classes"].to_pylist())
    assert classes["bot"] == made.bots
    assert classes["shared"] == made.shared_devices
    person = {(r["kind"], r["id"]): r["person"] for r in truth["identities"].to_pylist()}
    holders = len({p for (kind, _), p in person.items() if kind == "account"})
    assert holders / SMALL.people == pytest.approx(SMALL.account_share, abs=0.04)
    assert made.labelled / holders == pytest.approx(SMALL.labelled_share, abs=0.06)
    assert made.hidden / holders == pytest.approx(SMALL.hidden_share, abs=0.06)
    events = source["events"]
    kind = {r["id"]: r["class"] for r in truth["classes"].to_pylist() if r["kind"] == "device"}
    of_bots = sum(kind.get(d) == "bot" for d in events["device_id"].to_pylist()) / SMALL.events
    assert of_bots == pytest.approx(SMALL.bot_event_share, abs=0.001)
    answers = Counter(
        "string" if r["purposes"] is None else "refused" if not r["purposes"] else "given" for r in source["consents"].to_pylist()
    )
    total = sum(answers.values())
    assert answers["string"] / total == pytest.approx(0.2, abs=0.04)
    assert answers["refused"] / total == pytest.approx(0.8 * 0.1 / 0.96, abs=0.04)
    zeros = [a for a in source["devices"]["advertising_id"].drop_null().to_pylist() if set(a) == {"0", "-"}]
    assert 0.15 < len(zeros) / source["devices"]["advertising_id"].drop_null().length() < 0.6
    assert events["currency"].drop_null().length() == events["value"].drop_null().length() > 0


def test_devices_churn_and_are_shared(source: dict[str, pa.Table], truth: dict[str, pa.Table]) -> None:
    person = {(r["kind"], r["id"]): r["person"] for r in truth["identities"].to_pylist()}
    sizes = Counter(p for (kind, _), p in person.items() if kind == "device")
    assert 2 < np.mean(list(sizes.values())) < 4
    assert max(sizes.values()) > 6
    pairs = {
        (r["device_id"], r["account_id"])
        for r in source["events"].select(["device_id", "account_id"]).to_pylist()
        if r["device_id"] and r["account_id"]
    }
    signed: dict[str, list[str]] = {}
    for device, account in pairs:
        signed.setdefault(device, []).append(person["account", account])
    people_on = Counter({device: len(set(people)) for device, people in signed.items()})
    kind = {r["id"]: r["class"] for r in truth["classes"].to_pylist() if r["kind"] == "device"}
    busiest, most = people_on.most_common(1)[0]
    assert kind[busiest] == "shared"
    assert most > 100  # a kiosk
    assert sum(n > 1 for d, n in people_on.items() if kind[d] == "shared") >= 3  # family tablets
    own = [person["device", d] in people for d, people in signed.items() if kind[d] == "person"]
    assert 0.95 < np.mean(own) < 1.0  # devices on which somebody else alone signed in exist, and are rare


def test_use_follows_day_and_week(source: dict[str, pa.Table]) -> None:
    events = source["events"].filter(pc.equal(source["events"]["timezone"], "Europe/London"))
    hours = Counter(t.astimezone(UTC).hour for t in events["at"].to_pylist())
    night, evening = sum(hours[h] for h in (1, 2, 3, 4)), sum(hours[h] for h in (18, 19, 20, 21))
    assert evening > 5 * night > 0


def test_interests_are_told_by_what_people_read_but_not_exactly(source: dict[str, pa.Table], truth: dict[str, pa.Table]) -> None:
    """Somebody's tags are read more often by them than by others, yet are not simply what they read most."""
    person = {(r["kind"], r["id"]): r["person"] for r in truth["identities"].to_pylist()}
    category = {r["content_id"]: r["category"][0] for r in source["contents"].to_pylist() if r["category"]}
    read: dict[str, Counter[str]] = {}
    for row in source["events"].select(["device_id", "account_id", "content_id"]).to_pylist():
        if row["content_id"] in category:
            who = person["account", row["account_id"]] if row["account_id"] else person["device", row["device_id"]]
            read.setdefault(who, Counter())[category[row["content_id"]]] += 1
    tags: dict[str, set[str]] = {}
    for row in truth["labels"].to_pylist():
        tags.setdefault(person["account", row["subject_id"]], set()).add(row["tag"])
    hits, chance, n = 0, 0.0, 0
    overall = Counter(t for c in read.values() for t in c.elements())
    popular = {t for t, _ in overall.most_common(3)}
    for who, own in tags.items():
        if who in read:
            top = {t for t, _ in read[who].most_common(3)}
            hits, chance, n = hits + len(top & own) / len(own), chance + len(popular & own) / len(own), n + 1
    assert n > 100
    assert 0.45 < hits / n < 0.9
    assert chance / n < hits / n / 2


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_other_formats_say_the_same(made: Truth, source: dict[str, pa.Table], tmp_path: Path, form: str) -> None:
    other = generate(tmp_path, SMALL, format=form)  # type: ignore[arg-type]
    assert {p.name for p in other.source.iterdir()} == {f"{name}.{form}" for name in source}
    accounts = read_table(other.source / f"accounts.{form}")
    assert accounts["account_id"].to_pylist() == source["accounts"]["account_id"].to_pylist()
    assert accounts["family_name"].to_pylist() == source["accounts"]["family_name"].to_pylist()
    events = read_table(other.source / f"events.{form}")
    assert events.num_rows == SMALL.events
    first = str(events["at"][0].as_py()).replace("Z", "").replace("+00:00", "").replace("+00", "")
    assert datetime.fromisoformat(first) == source["events"]["at"][0].as_py().replace(tzinfo=None)
    contents = read_table(other.source / f"contents.{form}")
    wanted = [c if form == "jsonl" or c is None else "|".join(c) for c in source["contents"]["category"].to_pylist()]
    assert contents["category"].to_pylist() == wanted


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        generate(tmp_path, Population(people=30, devices=90, events=300, contents=50), format="xml")  # type: ignore[arg-type]


def test_smallest_population_still_works(tmp_path: Path) -> None:
    made = generate(tmp_path, Population(people=20, devices=40, events=80, contents=1, days=1))
    assert (made.people, made.events, made.contents) == (20, 80, 1)
    nobody = generate(tmp_path / "anonymous", Population(people=40, devices=120, events=400, contents=40, account_share=0.0))
    assert (nobody.accounts, nobody.sign_ins, nobody.labelled, nobody.hidden) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"people": 3}, "at least 20"),
        ({"devices": 1000}, "at least 2 a person"),
        ({"events": 1000}, "at least 2 a device"),
        ({"days": 0}, "at least 1"),
        ({"typo_share": 1.5}, "0..1"),
    ],
)
def test_impossible_parameters_are_refused(change: dict[str, float], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        replace(SMALL, **change)  # type: ignore[arg-type]


def test_presets() -> None:
    assert (MILLION.events, MILLION.devices) == (1_000_000, 200_000)
    assert 2_000 <= PRESETS["demo"].people <= 3_000
    assert 60_000 <= PRESETS["demo"].events <= 100_000


def test_a_tenth_of_the_million_stays_small(tmp_path: Path) -> None:
    """Peak memory of 100,000 events in a process of its own: a tenth of the large preset, well within a tenth of its 3 GB."""
    code = (
        "import resource, sys; from pathlib import Path; from graph.synth import Population, generate\n"
        "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "generate(Path(sys.argv[1]), Population(people=7_000, devices=20_000, events=100_000, contents=1_200, days=90))\n"
        "print(base, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    out = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True).stdout
    before, after = (int(x) for x in out.split())
    unit = 1 if sys.platform == "darwin" else 1024
    assert (after - before) * unit < 300e6


def test_consent_strings_carry_their_purposes() -> None:
    """Read back by the bit offsets of the TCF core segment, and by the reader of consent strings."""
    moment = datetime(2026, 1, 5, 13, 30, tzinfo=UTC)
    string = encode_tcf(["1", "7", "10"], moment.timestamp())
    for vendor, permitted in ((None, {1, 7, 10}), (1, {1, 7, 10}), (2, set())):
        assert verdict(string, None, vendor).purposes == permitted
    assert verdict(encode_tcf([], moment.timestamp()), None) == Verdict(frozenset())
    text = string.split(".")[0]
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    bits = "".join(f"{byte:08b}" for byte in raw)
    assert int(bits[:6], 2) == 2
    assert int(bits[6:42], 2) == int(bits[42:78], 2) == int(datetime(2026, 1, 5, tzinfo=UTC).timestamp() * 10)
    assert text.startswith("C")
    assert [i + 1 for i, bit in enumerate(bits[152:176]) if bit == "1"] == [1, 7, 10]
    assert set(bits[176:200]) == {"0"}


def test_progress_ends_at_its_total(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    generate(tmp_path, Population(people=40, devices=120, events=400, contents=60), lambda *step: seen.append(step))
    assert [done for _, done, _ in seen] == list(range(1, seen[-1][2] + 1))
