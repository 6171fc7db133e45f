// summary: Deletes one relationship by its ends and discriminators.
// mode: write
// slot: type: relationship type
// slot: source: label of the from end
// slot: source_key: its key
// slot: target: label of the to end
// slot: target_key: its key
// slot: discriminators: empty, or WHERE over the properties that tell relationships of the type apart, with $c2 and so on
// parameter: c0 string: key of the from end
// parameter: c1 string: key of the to end
MATCH (a:<<source>> {<<source_key>>: $c0})-[r:<<type>>]->(b:<<target>> {<<target_key>>: $c1}) <<discriminators>> DELETE r
