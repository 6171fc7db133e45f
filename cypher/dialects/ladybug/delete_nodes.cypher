// summary: Deletes nodes by key, with their relationships.
// mode: write
// slot: label: node label
// slot: key: key property
// parameter: rows rows: an Arrow table with c0 (key)
LOAD FROM $rows MATCH (n:<<label>> {<<key>>: c0}) DETACH DELETE n
