// summary: Which rows have their relationship already. The ends are matched one by one: together they make a cross product.
// mode: read
// slot: type: relationship type
// slot: source: label of the from end
// slot: source_key: its key
// slot: target: label of the to end
// slot: target_key: its key
// slot: discriminators: empty, or WHERE over the properties that tell relationships of the type apart
// parameter: rows rows: an Arrow table with i (row number), c0 (source), c1 (target), c2 and so on
// column: i: number of a row whose relationship is there
LOAD FROM $rows
MATCH (a:<<source>> {<<source_key>>: c0})
MATCH (b:<<target>> {<<target_key>>: c1})
MATCH (a)-[r:<<type>>]->(b) <<discriminators>>
RETURN i
