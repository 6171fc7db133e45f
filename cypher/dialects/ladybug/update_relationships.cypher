// summary: Sets all properties of relationships that are there.
// mode: write
// slot: type: relationship type
// slot: source: label of the from end
// slot: source_key: its key
// slot: target: label of the to end
// slot: target_key: its key
// slot: discriminators: empty, or WHERE over the properties that tell relationships of the type apart
// slot: assignments: r.property = column, for every property
// column: i: number of a row that was there
// parameter: rows rows: an Arrow table with i (row number), c0 (source), c1 (target), c2 and so on
LOAD FROM $rows
MATCH (a:<<source>> {<<source_key>>: c0})
MATCH (b:<<target>> {<<target_key>>: c1})
MATCH (a)-[r:<<type>>]->(b) <<discriminators>>
SET <<assignments>>
RETURN i
