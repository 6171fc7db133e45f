// summary: Pairs of devices of one person, and why: each piece of direct evidence, or none where others join them.
// mode: read
// parameter: minimum_confidence number = 0 0..1: both devices belong to the person at least this probably
// parameter: limit integer = 100 1..10000: rows at most
// column: person_id person: the person
// column: left_device_id device: one device
// column: right_device_id device: the other
// column: method: rule of the evidence, or null
// column: weight: its weight in log2 odds
// column: probability: its probability
// column: last_seen: when it was last seen
MATCH (a:Device)-[f:BELONGS_TO]->(p:Person)<-[g:BELONGS_TO]-(b:Device)
WHERE a.device_id < b.device_id AND f.confidence >= $minimum_confidence AND g.confidence >= $minimum_confidence
OPTIONAL MATCH (a)-[s:SAME_PERSON]-(b)
RETURN p.person_id AS person_id, a.device_id AS left_device_id, b.device_id AS right_device_id,
       s.method AS method, s.weight AS weight, s.probability AS probability, s.last_seen AS last_seen
ORDER BY person_id, left_device_id, right_device_id, weight DESC, method LIMIT $limit
