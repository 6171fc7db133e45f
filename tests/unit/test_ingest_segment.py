"""Tracking calls to raw tables."""

import json

from graph.ingest.segment import tables

CONTEXT = {
    "ip": "1.2.3.4",
    "userAgent": "UA",
    "timezone": "Europe/Berlin",
    "locale": "de-DE",
    "page": {"url": "https://x.com/p", "title": "P", "referrer": "https://y.com"},
    "device": {"type": "ios", "advertisingId": "AD", "model": "iPhone"},
    "os": {"name": "iOS"},
}
BASE = {"messageId": "m", "anonymousId": "d", "userId": "a", "timestamp": "2024-01-01T00:00:00Z", "context": CONTEXT}


def only(call, table):
    found, rejected = tables([call])
    assert rejected == []
    (row,) = found[table].to_pylist()
    return {k: v for k, v in row.items() if v is not None}


def test_track():
    call = BASE | {"type": "track", "event": "Order Completed", "properties": {"revenue": 9.5, "value": 1, "currency": "EUR"}}
    assert only(call, "events") == {
        "event_id": "m",
        "at": "2024-01-01T00:00:00Z",
        "device_id": "d",
        "account_id": "a",
        "type": "Order Completed",
        "ip": "1.2.3.4",
        "url": "https://x.com/p",
        "title": "P",
        "referrer": "https://y.com",
        "user_agent": "UA",
        "timezone": "Europe/Berlin",
        "value": "9.5",
        "currency": "EUR",
        "properties": '{"revenue":9.5,"value":1,"currency":"EUR"}',
        "_as_of": "2024-01-01T00:00:00Z",
        "_row": 1,
    }


def test_page_and_screen():
    page = only(BASE | {"type": "page", "name": "Home", "properties": {"url": "https://x.com/q"}}, "events")
    assert (page["type"], page["url"], page["title"], page["_traits"]) == ("page_view", "https://x.com/q", "P", '{"name":"Home"}')
    assert only({"type": "screen", "name": "Start", "anonymousId": "d", "timestamp": "t"}, "events")["type"] == "screen_view"


def test_identify_is_an_account_and_sign_in_evidence():
    traits = {
        "email": "a@x.com",
        "firstName": "Ann",
        "lastName": "Lee",
        "birthday": "1990-01-01",
        "createdAt": "2020-01-01",
        "plan": "pro",
        "address": {"street": "Main 1", "postalCode": "123", "state": "CA", "country": "US", "floor": 3},
    }
    call = BASE | {"type": "identify", "traits": traits}
    account = only(call, "accounts")
    assert {k: v for k, v in account.items() if not k.startswith("_")} == {
        "account_id": "a",
        "email": "a@x.com",
        "given_name": "Ann",
        "family_name": "Lee",
        "birth_date": "1990-01-01",
        "street": "Main 1",
        "postcode": "123",
        "region": "CA",
        "country": "US",
        "created_at": "2020-01-01",
    }
    assert json.loads(account["_traits"]) == {"plan": "pro", "address": {"floor": 3}}
    event = only(call, "events")
    assert (event["type"], event["device_id"], event["account_id"]) == ("identify", "d", "a")
    found, _ = tables([{k: v for k, v in call.items() if k != "anonymousId"}])
    assert set(found) == {"accounts"}


def test_alias_and_group_are_relations():
    alias = only({"type": "alias", "previousId": "old", "userId": "a", "timestamp": "t"}, "relations")
    assert {k: v for k, v in alias.items() if not k.startswith("_")} == {
        "from_kind": "unknown",
        "from_id": "old",
        "to_kind": "account",
        "to_id": "a",
        "type": "alias",
        "at": "t",
    }
    group = only(BASE | {"type": "group", "groupId": 7, "traits": {"name": "Firm"}}, "relations")
    assert (group["from_kind"], group["from_id"], group["to_kind"], group["to_id"]) == ("account", "a", "group", "7")
    assert json.loads(group["_traits"]) == {"name": "Firm"}


def test_devices_are_said_once():
    calls = [BASE | {"type": "track", "event": "x", "messageId": str(i)} for i in range(5)]
    calls.append(calls[0] | {"messageId": "6", "context": CONTEXT | {"locale": "fr-FR"}})
    found, _ = tables(calls)
    assert found["events"].num_rows == 6
    devices = found["devices"].to_pylist()
    assert [(d["device_id"], d["kind"], d["os"], d["language"], d["advertising_id"], d["_row"]) for d in devices] == [
        ("d", "mobile", "iOS", "de-DE", "AD", 1),
        ("d", "mobile", "iOS", "fr-FR", "AD", 6),
    ]


def test_a_call_without_id_has_one_from_its_content():
    call = {"type": "track", "event": "x", "anonymousId": "d", "timestamp": "t", "properties": {"a": 1, "b": 2}}
    again = {**dict(reversed(list(call.items()))), "properties": {"b": 2, "a": 1}, "receivedAt": "later", "sentAt": "later"}
    other = call | {"properties": {"a": 2}}
    ids = [only(c, "events")["event_id"] for c in (call, again, other)]
    assert ids[0] == ids[1] != ids[2]


def test_time_prefers_what_the_client_says():
    times = {"timestamp": "1", "originalTimestamp": "2", "sentAt": "3"}
    for names, expected in ((times, "1"), ({"originalTimestamp": "2", "sentAt": "3"}, "2"), ({"sentAt": "3"}, "3")):
        assert only({"type": "track", "event": "x", "userId": "a", **names}, "events")["at"] == expected


def test_calls_that_map_to_nothing():
    calls = [
        {"type": "dance", "userId": "a"},
        {"userId": "a"},
        {"type": "track", "event": "x"},
        {"type": "alias", "userId": "a"},
        {"type": "group", "userId": "a"},
        {"type": "track", "event": "x", "userId": "a", "context": "odd", "properties": [1]},
    ]
    found, rejected = tables(calls, range(11, 17))
    assert [r.row for r in rejected] == [11, 12, 13, 14, 15]
    assert json.loads(rejected[0].raw) == calls[0]
    assert found["events"]["_row"].to_pylist() == [16]


def test_global_privacy_control_refuses_everything_at_the_calls_time():
    call = {"type": "page", "anonymousId": "d", "userId": "a", "messageId": "m", "timestamp": "2024-01-01T00:00:00Z"}
    found, rejected = tables([call | {"context": {"gpc": True}}, call, call | {"context": {"gpc": False}}])
    assert rejected == []
    rows = [{k: v for k, v in row.items() if v is not None} for row in found["consents"].to_pylist()]
    said = {"gpc": "true", "at": "2024-01-01T00:00:00Z", "_as_of": "2024-01-01T00:00:00Z", "_row": 1}
    assert rows == [
        {"subject_kind": "device", "subject_id": "d", **said},
        {"subject_kind": "account", "subject_id": "a", **said},
    ]
