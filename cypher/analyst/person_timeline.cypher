// summary: What a person engaged with, on whichever device or account, newest first.
// mode: read
// parameter: person_id string: the person
// parameter: limit integer = 100 1..10000: rows at most
// column: at: first time of that day
// column: last_at: last time of that day
// column: device_id device: the device, or null
// column: account_id account: the account, or null
// column: type: what was done
// column: count: how often that day
// column: content_id: with what
// column: title: its title
MATCH (p:Person {person_id: $person_id})<-[:BELONGS_TO]-(m)
MATCH (m)-[e:ENGAGED]->(c:Content)
RETURN e.first_at AS at, e.last_at AS last_at, m.device_id AS device_id, m.account_id AS account_id,
       e.type AS type, e.count AS count, c.content_id AS content_id, c.title AS title
ORDER BY at DESC, content_id, type, device_id, account_id LIMIT $limit
