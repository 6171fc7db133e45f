// summary: Who is this account: where it comes from, its person, and how certain that is.
// mode: read
// parameter: account_id string: the account
// column: account_id account: the account
// column: source: source of its newest row
// column: country: country
// column: region: region
// column: created_at: when it was made
// column: account_class: person, shared or bot
// column: person_id person: the person to whom it belongs
// column: confidence: probability that it belongs with the rest of the person
// column: devices: devices of that person
// column: accounts: accounts of that person
MATCH (a:Account {account_id: $account_id})
OPTIONAL MATCH (a)-[b:BELONGS_TO]->(p:Person)
RETURN a.account_id AS account_id, a.source AS source, a.country AS country, a.region AS region, a.created_at AS created_at,
       a.class AS account_class, p.person_id AS person_id, b.confidence AS confidence, p.devices AS devices, p.accounts AS accounts
ORDER BY person_id
