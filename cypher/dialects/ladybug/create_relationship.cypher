// summary: Makes one relationship between nodes that are there.
// mode: write
// slot: type: relationship type
// slot: source: label of the from end
// slot: source_key: its key
// slot: target: label of the to end
// slot: target_key: its key
// slot: properties: property: $c2 and so on, for every property
// parameter: c0 string: key of the from end
// parameter: c1 string: key of the to end
// column: found: a row if both ends were there
MATCH (a:<<source>> {<<source_key>>: $c0})
MATCH (b:<<target>> {<<target_key>>: $c1})
CREATE (a)-[:<<type>> {<<properties>>}]->(b)
RETURN 1 AS found
