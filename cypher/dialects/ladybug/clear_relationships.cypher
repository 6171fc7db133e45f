// summary: Deletes all relationships of a type between two labels.
// mode: write
// slot: type: relationship type
// slot: source: label of the from end
// slot: target: label of the to end
MATCH (:<<source>>)-[r:<<type>>]->(:<<target>>) DELETE r
