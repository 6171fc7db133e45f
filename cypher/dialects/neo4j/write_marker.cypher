// summary: Says whose graph the database holds, and whether it is whole.
// mode: write
// parameter: home_id string: id of the home
// parameter: complete boolean: whether the graph is whole
MERGE (t:_Tessera {name: 'home'}) SET t.home_id = $home_id, t.complete = $complete
