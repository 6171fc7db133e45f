// summary: Whose graph the database holds, and whether its last replacement came to its end.
// mode: read
// column: home_id: id of the home; null where there is no marker
// column: complete: false while a replacement goes on, and after one that was cut off
// column: foreign: a node without marker is there
OPTIONAL MATCH (t:_Tessera {name: 'home'})
RETURN t.home_id AS home_id, coalesce(t.complete, false) AS complete, t IS NULL AND EXISTS { MATCH (n) } AS foreign
