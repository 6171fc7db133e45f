"""A seeded synthetic population with ground truth: people, households, devices, accounts, networks, contents, events."""

from graph.synth.parameters import DEMO, MILLION, PRESETS, Population
from graph.synth.population import Format, Truth, generate

__all__ = ["DEMO", "MILLION", "PRESETS", "Format", "Population", "Truth", "generate"]
