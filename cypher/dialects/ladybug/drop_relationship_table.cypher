// summary: Drops the table of a relationship type: the fast way to clear all of it.
// mode: write
// slot: type: relationship type
DROP TABLE <<type>>
