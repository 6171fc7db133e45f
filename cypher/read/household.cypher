// summary: The people of a person's household, itself among them.
// mode: read
// parameter: person_id string: the person
// parameter: limit integer = 100 1..10000: rows at most
// column: household_id: the household
// column: person_id person: somebody who lives in it
// column: class: person, shared or bot
MATCH (p:Person {person_id: $person_id})-[:LIVES_IN]->(h:Household)
MATCH (h)<-[:LIVES_IN]-(q:Person)
RETURN h.household_id AS household_id, q.person_id AS person_id, q.class AS class
ORDER BY household_id, person_id LIMIT $limit
