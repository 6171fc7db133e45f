// summary: Which interests an audience's members have, and how much more often than everybody (lift).
// mode: read
// parameter: audience_id string: the audience
// parameter: minimum_probability number = 0.5 0..1: count only interests at least this probable
// parameter: limit integer = 100 1..10000: rows at most
// column: tag_id tag: a tag
// column: name tag: its name
// column: members people: members interested in it
// column: share ratio: part of the members
// column: share_of_everybody ratio: part of all people
// column: lift ratio: share divided by share of everybody
MATCH (a:Audience {audience_id: $audience_id})<-[:MEMBER_OF]-(m:Person)
WITH count(m) AS audience_size
MATCH (p:Person)
WITH audience_size, count(p) AS everybody
MATCH (t:Tag)<-[i:INTERESTED_IN]-(p:Person)
WHERE i.probability >= $minimum_probability
OPTIONAL MATCH (p)-[m:MEMBER_OF]->(a:Audience {audience_id: $audience_id})
WITH audience_size, everybody, t.tag_id AS tag_id, t.name AS name, count(p) AS interested, count(m) AS members
WHERE members > 0
RETURN tag_id, name, members, 1.0 * members / audience_size AS share, 1.0 * interested / everybody AS share_of_everybody,
       1.0 * members * everybody / (audience_size * interested) AS lift
ORDER BY members DESC, tag_id LIMIT $limit
