// summary: The people most interested in a tag.
// mode: read
// parameter: tag_id string: the tag
// parameter: minimum_probability number = 0.5 0..1: leave out what is less probable
// parameter: limit integer = 100 1..10000: rows at most
// column: person_id person: somebody
// column: class: person, shared or bot
// column: probability: calibrated probability of the interest
// column: devices: devices of that person
// column: accounts: accounts of that person
MATCH (p:Person)-[i:INTERESTED_IN]->(t:Tag {tag_id: $tag_id})
WHERE i.probability >= $minimum_probability
RETURN p.person_id AS person_id, p.class AS class, i.probability AS probability, p.devices AS devices, p.accounts AS accounts
ORDER BY probability DESC, person_id LIMIT $limit
