// summary: Deletes nodes by key, with their relationships.
// mode: write
// slot: label: node label
// slot: key: key property
// parameter: rows rows: lists of one key
UNWIND $rows AS r MATCH (n:<<label>> {<<key>>: r[0]}) DETACH DELETE n
