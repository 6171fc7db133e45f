// summary: Which other tags interest the people of a tag, and how many people they share.
// mode: read
// parameter: tag_id string: the tag
// parameter: minimum_probability number = 0.5 0..1: count only interests at least this probable
// parameter: limit integer = 100 1..10000: rows at most
// column: tag_id tag: another tag
// column: name tag: its name
// column: people people: people interested in both
// column: share ratio: part of the tag's people who are interested in the other one too
MATCH (p:Person)-[i:INTERESTED_IN]->(:Tag {tag_id: $tag_id}) WHERE i.probability >= $minimum_probability
WITH count(p) AS total
MATCH (u:Tag)<-[j:INTERESTED_IN]-(q:Person)-[k:INTERESTED_IN]->(t:Tag {tag_id: $tag_id})
WHERE u.tag_id <> t.tag_id AND j.probability >= $minimum_probability AND k.probability >= $minimum_probability
WITH total, u.tag_id AS tag_id, u.name AS name, count(q) AS people
RETURN tag_id, name, people, 1.0 * people / total AS share
ORDER BY people DESC, tag_id LIMIT $limit
