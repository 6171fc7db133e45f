// summary: Other people one shared identifier or network away from a person's devices and accounts; generic ones do not count.
// mode: read
// parameter: person_id string: the person
// parameter: limit integer = 100 1..10000: rows at most
// column: person_id person: somebody else
// column: class: person, shared or bot
// column: identifiers: identifiers in common
// column: networks: networks in common
MATCH (p:Person {person_id: $person_id})<-[:BELONGS_TO]-(m)
MATCH (m)-[:HAS_IDENTIFIER|SEEN_ON]->(x)<-[:HAS_IDENTIFIER|SEEN_ON]-(n)
MATCH (n)-[:BELONGS_TO]->(q:Person)
WHERE q.person_id <> $person_id AND (x.generic IS NULL OR x.generic = false)
RETURN q.person_id AS person_id, q.class AS class,
       count(DISTINCT x.identifier_id) AS identifiers, count(DISTINCT x.network_id) AS networks
ORDER BY identifiers DESC, networks DESC, person_id LIMIT $limit
