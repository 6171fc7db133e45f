// summary: All audiences, by name.
// mode: read
// parameter: limit integer = 100 1..10000: rows at most
// column: audience_id: the audience
// column: name: its name
// column: kind: rule or lookalike
// column: size people: size when it was made
// column: version: how often it was made
MATCH (a:Audience)
RETURN a.audience_id AS audience_id, a.name AS name, a.kind AS kind, a.size AS size, a.version AS version
ORDER BY name, audience_id LIMIT $limit
