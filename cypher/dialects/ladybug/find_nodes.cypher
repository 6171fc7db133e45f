// summary: Which rows have their node already.
// mode: read
// slot: label: node label
// slot: key: key property
// parameter: rows rows: an Arrow table with i (row number) and c0 (key)
// column: i: number of a row whose node is there
LOAD FROM $rows MATCH (n:<<label>> {<<key>>: c0}) RETURN i
