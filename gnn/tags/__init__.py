"""What contents are about and what persons are interested in, without a network where none can be trained."""
