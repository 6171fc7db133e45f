// summary: Makes the table of a relationship type.
// mode: write
// slot: type: relationship type
// slot: ends: FROM and TO for every pair of labels
// slot: properties: properties with their types, each after a comma
CREATE REL TABLE <<type>>(<<ends>><<properties>>)
