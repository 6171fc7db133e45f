// summary: Makes relationships of rows between nodes given by internal id.
// mode: write
// slot: type: relationship type
// slot: properties: property: value for every property that has values
// parameter: rows rows: lists of values, ids of both ends first
UNWIND $rows AS r
MATCH (a) WHERE id(a) = r[0]
MATCH (b) WHERE id(b) = r[1]
CREATE (a)-[:<<type>> {<<properties>>}]->(b)
