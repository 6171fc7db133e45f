// summary: Deletes one node by key, with its relationships.
// mode: write
// slot: label: node label
// slot: key: key property
// parameter: c0 string: key
MATCH (n:<<label>> {<<key>>: $c0}) DETACH DELETE n
