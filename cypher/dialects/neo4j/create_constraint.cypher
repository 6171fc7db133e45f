// summary: Makes the key of a label unique, with the index behind it.
// mode: write
// slot: label: node label
// slot: key: key property
CREATE CONSTRAINT tessera_<<label>>_<<key>> IF NOT EXISTS FOR (n:<<label>>) REQUIRE n.<<key>> IS UNIQUE
