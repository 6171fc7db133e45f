// summary: Deletes relationships by their ends and discriminators.
// mode: write
// slot: type: relationship type
// slot: source: label of the from end
// slot: source_key: its key
// slot: target: label of the to end
// slot: target_key: its key
// slot: discriminators: property: value for the properties that tell relationships of the type apart
// parameter: rows rows: lists of values, keys of both ends first
UNWIND $rows AS r
MATCH (a:<<source>> {<<source_key>>: r[0]})-[e:<<type>> {<<discriminators>>}]->(b:<<target>> {<<target_key>>: r[1]})
DELETE e
