// summary: Appends an Arrow table (source, target, properties) to a relationship table. A missing end is an error.
// mode: write
// slot: type: relationship type
// slot: source: label of the from end
// slot: target: label of the to end
// parameter: rows rows: an Arrow table
COPY <<type>> FROM $rows (from='<<source>>', to='<<target>>')
