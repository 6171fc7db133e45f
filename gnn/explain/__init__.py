"""Why a person has a tag: what the channels and contents add to its log-odds."""
