// summary: Waits until every index is online, 300 seconds at most.
// mode: write
CALL db.awaitIndexes(300)
