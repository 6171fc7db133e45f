// summary: Deletes all relationships of a type between two labels, in transactions of its own.
// mode: write
// slot: type: relationship type
// slot: source: label of the from end
// slot: target: label of the to end
MATCH (:<<source>>)-[r:<<type>>]->(:<<target>>) CALL (r) { DELETE r } IN TRANSACTIONS OF 10000 ROWS
