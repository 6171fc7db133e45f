// summary: Makes nodes of rows (lists of values) and tells their internal ids, by which relationships find them fastest.
// mode: write
// slot: label: node label
// slot: key: key property
// slot: properties: property: value for every property that has values
// parameter: rows rows: lists of values, key first
// column: key: key of a node
// column: id: its internal id, good until it is deleted
UNWIND $rows AS r CREATE (n:<<label>> {<<properties>>}) RETURN n.<<key>> AS key, id(n) AS id
