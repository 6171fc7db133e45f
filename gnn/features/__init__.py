"""Features: persons, contents, tags and their links as sparse matrices, from the lake and the resolution."""
