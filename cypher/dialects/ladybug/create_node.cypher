// summary: Makes one node.
// mode: write
// slot: label: node label
// slot: properties: property: $c0 and so on, for the key and every property
CREATE (:<<label>> {<<properties>>})
