"""The addresses: each router parses, calls, shapes; no query text and no model code in them."""
