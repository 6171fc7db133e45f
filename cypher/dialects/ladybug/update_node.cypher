// summary: Sets all properties of one node that is there. MERGE would do, but takes longer and keeps memory in the connection.
// mode: write
// slot: label: node label
// slot: key: key property
// slot: assignments: empty, or SET n.property = $c1 and so on, for every property
// parameter: c0 string: key
// column: found: a row if the node was there
MATCH (n:<<label>> {<<key>>: $c0}) <<assignments>> RETURN 1 AS found
