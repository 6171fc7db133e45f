"""Audiences: who meets a rule, building and filling again, and the operator's side of it."""
