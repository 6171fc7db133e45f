// summary: The person to whom a device belongs.
// mode: read
// parameter: device_id string: the device
// column: person_id person: the person
// column: class: person, shared or bot
// column: confidence: probability that the device belongs with the rest of the person
MATCH (d:Device {device_id: $device_id})-[b:BELONGS_TO]->(p:Person)
RETURN p.person_id AS person_id, p.class AS class, b.confidence AS confidence
ORDER BY person_id
