// summary: One audience and how many of its members are in the graph.
// mode: read
// parameter: audience_id string: the audience
// column: audience_id: the audience
// column: name: its name
// column: kind: rule or lookalike
// column: size people: size when it was made
// column: version: how often it was made
// column: members people: members in the graph
MATCH (a:Audience {audience_id: $audience_id})
OPTIONAL MATCH (p:Person)-[:MEMBER_OF]->(a)
RETURN a.audience_id AS audience_id, a.name AS name, a.kind AS kind, a.size AS size, a.version AS version, count(p) AS members
ORDER BY audience_id
