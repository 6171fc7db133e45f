// summary: Members of an audience, a page at a time: give the last person of a page as `after` of the next.
// mode: read
// parameter: audience_id string: the audience
// parameter: after string = "": the last person of the page before
// parameter: limit integer = 100 1..10000: rows at most
// column: person_id person: a member
// column: class: person, shared or bot
// column: devices: devices that belong to it
// column: accounts: accounts that belong to it
MATCH (p:Person)-[:MEMBER_OF]->(a:Audience {audience_id: $audience_id})
WHERE p.person_id > $after
RETURN p.person_id AS person_id, p.class AS class, p.devices AS devices, p.accounts AS accounts
ORDER BY person_id LIMIT $limit
