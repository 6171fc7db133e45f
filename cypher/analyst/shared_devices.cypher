// summary: Devices on which several accounts signed in.
// mode: read
// parameter: minimum_accounts integer = 2 1..1000000: accounts at least
// parameter: limit integer = 100 1..10000: rows at most
// column: device_id device: the device
// column: class: person, shared or bot
// column: accounts people: accounts that signed in on it
// column: sign_ins: sign-ins in all
// column: last_seen: the latest of them
MATCH (d:Device)-[s:SIGNED_IN_AS]->(a:Account)
WITH d.device_id AS device_id, d.class AS class, count(a) AS accounts, sum(s.count) AS sign_ins, max(s.last_seen) AS last_seen
WHERE accounts >= $minimum_accounts
RETURN device_id, class, accounts, sign_ins, last_seen
ORDER BY accounts DESC, device_id LIMIT $limit
