// summary: Deletes every relationship, in transactions of its own.
// mode: write
MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 10000 ROWS
