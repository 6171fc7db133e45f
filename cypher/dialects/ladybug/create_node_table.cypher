// summary: Makes the table of a node label; the primary key is its uniqueness constraint.
// mode: write
// slot: label: node label
// slot: key: key property
// slot: properties: the other properties with their types, each after a comma
CREATE NODE TABLE <<label>>(<<key>> STRING<<properties>>, PRIMARY KEY(<<key>>))
