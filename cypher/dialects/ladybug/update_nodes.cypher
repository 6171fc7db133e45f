// summary: Sets all properties of nodes that are there. MERGE would do, but keeps memory in the connection after each use.
// mode: write
// slot: label: node label
// slot: key: key property
// slot: assignments: n.property = column, for every property
// column: i: number of a row that was there
// parameter: rows rows: an Arrow table with i (row number), c0 (key), c1 and so on
LOAD FROM $rows MATCH (n:<<label>> {<<key>>: c0}) SET <<assignments>> RETURN i
