// summary: Makes nodes or sets all their properties.
// mode: write
// slot: label: node label
// slot: key: key property
// slot: assignments: empty, or SET with n.property = value for every property
// parameter: rows rows: lists of values, key first
UNWIND $rows AS r MERGE (n:<<label>> {<<key>>: r[0]}) <<assignments>>
