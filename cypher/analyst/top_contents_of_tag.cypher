// summary: The contents of a tag with which most was done.
// mode: read
// parameter: tag_id string: the tag
// parameter: limit integer = 100 1..10000: rows at most
// column: content_id: a content
// column: title: its title
// column: score: how much it is about the tag
// column: engagements people: how often anybody engaged with it
// column: last_at: when anybody last did
MATCH (c:Content)-[a:ABOUT]->(t:Tag {tag_id: $tag_id})
OPTIONAL MATCH (m)-[e:ENGAGED]->(c)
WITH c.content_id AS content_id, c.title AS title, a.score AS score, coalesce(sum(e.count), 0) AS engagements, max(e.last_at) AS last_at
RETURN content_id, title, score, engagements, last_at
ORDER BY engagements DESC, score DESC, content_id LIMIT $limit
