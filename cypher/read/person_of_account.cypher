// summary: The person to whom an account belongs.
// mode: read
// parameter: account_id string: the account
// column: person_id person: the person
// column: class: person, shared or bot
// column: confidence: probability that the account belongs with the rest of the person
MATCH (a:Account {account_id: $account_id})-[b:BELONGS_TO]->(p:Person)
RETURN p.person_id AS person_id, p.class AS class, b.confidence AS confidence
ORDER BY person_id
