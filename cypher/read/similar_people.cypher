// summary: People who share a person's interests: the score is the sum, over shared tags, of both probabilities multiplied.
// mode: read
// parameter: person_id string: the person
// parameter: limit integer = 100 1..10000: rows at most
// column: person_id person: somebody else
// column: shared_tags: tags that both are interested in
// column: score: sum of the products of probabilities
MATCH (p:Person {person_id: $person_id})-[i:INTERESTED_IN]->(t:Tag)<-[j:INTERESTED_IN]-(q:Person)
WHERE q.person_id <> p.person_id AND q.class = 'person'
RETURN q.person_id AS person_id, count(t) AS shared_tags, sum(i.probability * j.probability) AS score
ORDER BY score DESC, person_id LIMIT $limit
