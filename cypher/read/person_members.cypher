// summary: The devices and accounts of a person, with the probability that each belongs to it.
// mode: read
// parameter: person_id string: the person
// parameter: limit integer = 100 1..10000: rows at most
// column: device_id device: a device, or null where the member is an account
// column: account_id account: an account, or null where the member is a device
// column: confidence: probability that it belongs with the rest
// column: since: first seen
MATCH (p:Person {person_id: $person_id})<-[b:BELONGS_TO]-(m)
RETURN m.device_id AS device_id, m.account_id AS account_id, b.confidence AS confidence, b.since AS since
ORDER BY device_id, account_id LIMIT $limit
