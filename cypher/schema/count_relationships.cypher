// summary: How many relationships are of a type.
// mode: read
// slot: type: relationship type
// column: count: relationships
MATCH ()-[r:<<type>>]->() RETURN count(r) AS count
