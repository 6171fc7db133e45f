// summary: All evidence that joins the devices and accounts of a person, the strongest first.
// mode: read
// parameter: person_id string: the person
// parameter: limit integer = 100 1..10000: rows at most
// column: left_device_id device: one end, where it is a device
// column: left_account_id account: one end, where it is an account
// column: right_device_id device: the other end, where it is a device
// column: right_account_id account: the other end, where it is an account
// column: method: rule of the evidence
// column: weight: its weight in log2 odds
// column: probability: its probability
// column: first_seen: when it was first seen
// column: last_seen: when it was last seen
MATCH (p:Person {person_id: $person_id})<-[:BELONGS_TO]-(a)
MATCH (a)-[s:SAME_PERSON]->(b)
MATCH (b)-[:BELONGS_TO]->(q:Person {person_id: $person_id})
RETURN a.device_id AS left_device_id, a.account_id AS left_account_id,
       b.device_id AS right_device_id, b.account_id AS right_account_id,
       s.method AS method, s.weight AS weight, s.probability AS probability, s.first_seen AS first_seen, s.last_seen AS last_seen
ORDER BY weight DESC, method, left_device_id, left_account_id, right_device_id, right_account_id LIMIT $limit
