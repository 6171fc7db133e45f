"""How large and how difficult a synthetic population is: the parameters, two presets, and their checks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from graph.errors import SettingsError

__all__ = ["DEMO", "MILLION", "PRESETS", "Population"]


@dataclass(frozen=True)
class Population:
    """A population; the same parameters give the same files, byte for byte (with the same versions of NumPy and Arrow).

    `devices` counts device ids (a reset cookie or a new phone is a new one), shared devices and bots among them; `events`
    counts rows. Shares are of people unless the name says otherwise. The period begins at `start`, never at today's date.
    """

    people: int = 2_400
    devices: int = 7_600
    events: int = 90_000
    contents: int = 1_200
    days: int = 60
    seed: int = 0
    start: date = date(2026, 1, 5)
    chinese_share: float = 0.30  # households that read Chinese
    account_share: float = 0.82  # with at least one account
    sign_in_share: float = 0.70  # of a person's browsers and apps, those where they ever sign in
    labelled_share: float = 0.45  # of people with accounts, those with labels in the input
    hidden_share: float = 0.30  # of people with accounts, those whose tags are in the truth alone
    bot_event_share: float = 0.04  # of events
    stray_sign_in_share: float = 0.01  # of devices, those on which somebody else signs in once
    typo_share: float = 0.05  # of personal-data fields
    interest_share: float = 0.62  # of content events, those that follow the person's interests
    drift_share: float = 0.30  # of a person's interests, those that another one replaces by the end

    def __post_init__(self) -> None:
        for name in ("people", "devices", "events", "contents", "days"):
            if getattr(self, name) < 1:
                raise SettingsError(f"population: {name} is {getattr(self, name)}; it must be at least 1")
        if self.people < 20:
            raise SettingsError(f"population: people is {self.people}; at least 20 are needed for households and networks")
        if self.devices < 2 * self.people:
            raise SettingsError(f"population: devices is {self.devices}; at least 2 a person ({2 * self.people}) are needed")
        if self.events < 2 * self.devices:
            raise SettingsError(f"population: events is {self.events}; at least 2 a device ({2 * self.devices}) are needed")
        for name, value in vars(self).items():
            if name.endswith("_share") and not 0.0 <= value <= 1.0:
                raise SettingsError(f"population: {name} is {value}; it must lie in 0..1")

    @property
    def start_seconds(self) -> float:
        """The period's beginning in seconds since 1970."""
        return (self.start.toordinal() - date(1970, 1, 1).toordinal()) * 86_400.0


DEMO = Population()
MILLION = Population(people=70_000, devices=200_000, events=1_000_000, contents=12_000, days=90)
PRESETS: dict[str, Population] = {"demo": DEMO, "million": MILLION}
