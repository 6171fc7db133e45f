"""The HTTP API: an application over one home, its stores opened once."""
