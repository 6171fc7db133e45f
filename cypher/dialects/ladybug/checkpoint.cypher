// summary: Writes the write-ahead log into the database file, so that the file stands alone.
// mode: write
CHECKPOINT
