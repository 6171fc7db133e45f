// summary: The tags in which a person is interested, the most probable first.
// mode: read
// parameter: person_id string: the person
// parameter: minimum_probability number = 0 0..1: leave out what is less probable
// parameter: limit integer = 100 1..10000: rows at most
// column: tag_id tag: the tag
// column: name tag: its name
// column: taxonomy: where it comes from
// column: sensitive: whether it is a sensitive one
// column: probability: calibrated probability of the interest
// column: model: version of the model that says so
// column: at: as of when
MATCH (p:Person {person_id: $person_id})-[i:INTERESTED_IN]->(t:Tag)
WHERE i.probability >= $minimum_probability
RETURN t.tag_id AS tag_id, t.name AS name, t.taxonomy AS taxonomy, t.sensitive AS sensitive,
       i.probability AS probability, i.model AS model, i.at AS at
ORDER BY probability DESC, tag_id LIMIT $limit
