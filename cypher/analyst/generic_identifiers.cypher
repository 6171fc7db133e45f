// summary: Identifiers so widely used that they count as evidence for nothing, the widest first.
// mode: read
// parameter: limit integer = 100 1..10000: rows at most
// column: identifier_id: keyed hash of the identifier
// column: kind: e-mail, phone, advertising id
// column: carriers people: devices and accounts that have it
MATCH (x:Identifier {generic: true})
OPTIONAL MATCH (m)-[h:HAS_IDENTIFIER]->(x)
RETURN x.identifier_id AS identifier_id, x.kind AS kind, count(h) AS carriers
ORDER BY carriers DESC, identifier_id LIMIT $limit
