// summary: Leaves the database file as the last checkpoint left it when the database is closed.
// mode: write
CALL force_checkpoint_on_close=false
