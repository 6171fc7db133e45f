// summary: Who is this device: what it is, its person, and how certain that is.
// mode: read
// parameter: device_id string: the device
// column: device_id device: the device
// column: kind: desktop, mobile, tablet, tv, web or app
// column: os: operating system
// column: browser: browser
// column: device_class: person, shared or bot
// column: first_seen: first seen
// column: last_seen: last seen
// column: person_id person: the person to whom it belongs
// column: confidence: probability that it belongs with the rest of the person
// column: devices: devices of that person
// column: accounts: accounts of that person
MATCH (d:Device {device_id: $device_id})
OPTIONAL MATCH (d)-[b:BELONGS_TO]->(p:Person)
RETURN d.device_id AS device_id, d.kind AS kind, d.os AS os, d.browser AS browser, d.class AS device_class,
       d.first_seen AS first_seen, d.last_seen AS last_seen, p.person_id AS person_id, b.confidence AS confidence,
       p.devices AS devices, p.accounts AS accounts
ORDER BY person_id
