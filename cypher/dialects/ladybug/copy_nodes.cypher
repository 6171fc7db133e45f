// summary: Appends an Arrow table to a node table, columns in the table's order.
// mode: write
// slot: label: node label
// parameter: rows rows: an Arrow table
COPY <<label>> FROM $rows
