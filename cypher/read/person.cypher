// summary: One person, with the number of its devices and accounts and its household.
// mode: read
// parameter: person_id string: the person
// column: person_id person: the person
// column: class: person, shared or bot
// column: devices: devices that belong to it
// column: accounts: accounts that belong to it
// column: created_at: when its first member was first seen
// column: household_id: its household, or null
MATCH (p:Person {person_id: $person_id})
OPTIONAL MATCH (p)-[:LIVES_IN]->(h:Household)
RETURN p.person_id AS person_id, p.class AS class, p.devices AS devices, p.accounts AS accounts,
       p.created_at AS created_at, h.household_id AS household_id
ORDER BY household_id
