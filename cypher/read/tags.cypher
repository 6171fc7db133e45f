// summary: All tags, with the number of people who are interested in each.
// mode: read
// parameter: minimum_probability number = 0.5 0..1: count only interests at least this probable
// parameter: after string = "": the last tag of the page before
// parameter: limit integer = 100 1..10000: rows at most
// column: tag_id tag: the tag
// column: name tag: its name
// column: taxonomy: where it comes from
// column: sensitive: whether it is a sensitive one
// column: people people: people interested in it
MATCH (t:Tag) WHERE t.tag_id > $after
OPTIONAL MATCH (t)<-[i:INTERESTED_IN]-(:Person)
RETURN t.tag_id AS tag_id, t.name AS name, t.taxonomy AS taxonomy, t.sensitive AS sensitive,
       count(CASE WHEN i.probability >= $minimum_probability THEN 1 END) AS people
ORDER BY tag_id LIMIT $limit
