// summary: Makes relationships or sets all their properties.
// mode: write
// slot: type: relationship type
// slot: source: label of the from end
// slot: source_key: its key
// slot: target: label of the to end
// slot: target_key: its key
// slot: discriminators: property: value for the properties that tell relationships of the type apart
// slot: assignments: empty, or SET with e.property = value for every property
// parameter: rows rows: lists of values, keys of both ends first
// column: count: rows whose ends are both there
UNWIND $rows AS r
MATCH (a:<<source>> {<<source_key>>: r[0]})
MATCH (b:<<target>> {<<target_key>>: r[1]})
MERGE (a)-[e:<<type>> {<<discriminators>>}]->(b)
<<assignments>>
RETURN count(*) AS count
