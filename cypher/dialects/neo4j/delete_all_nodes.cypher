// summary: Deletes every node but the marker, in transactions of its own. Relationships have to be gone.
// mode: write
MATCH (n) WHERE NOT n:_Tessera CALL (n) { DELETE n } IN TRANSACTIONS OF 10000 ROWS
