// summary: How many nodes have a label.
// mode: read
// slot: label: node label
// column: count: nodes
MATCH (n:<<label>>) RETURN count(n) AS count
