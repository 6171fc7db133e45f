// summary: People of several members, by when the newest member came, with the weakest link. The identity log has every merge.
// mode: read
// parameter: limit integer = 100 1..10000: rows at most
// column: person_id person: the person
// column: class: person, shared or bot
// column: members: devices and accounts
// column: newest_member: when the newest of them was first seen
// column: weakest_confidence: the least probability with which one of them belongs
MATCH (p:Person)<-[b:BELONGS_TO]-(m)
WITH p.person_id AS person_id, p.class AS class, count(m) AS members, max(b.since) AS newest_member,
     min(b.confidence) AS weakest_confidence
WHERE members > 1
RETURN person_id, class, members, newest_member, weakest_confidence
ORDER BY newest_member IS NULL, newest_member DESC, person_id LIMIT $limit
