"""What consent strings say: TC strings of the IAB Transparency and Consent Framework 2.3, strings of the IAB Global Privacy
Platform 1.0 with their EU, Canadian and US sections. Own parsers, since the package for it permits everything where it cannot
read."""

from graph.privacy.signals.bits import SignalRefused
from graph.privacy.signals.canada import CanadianString, read_canadian
from graph.privacy.signals.gpp import read_gpp, section_ids
from graph.privacy.signals.tcf import Restriction, TcString, read_tc_string
from graph.privacy.signals.united_states import UsChoices, read_us_section
from graph.privacy.signals.verdict import Verdict, verdict

__all__ = [
    "CanadianString",
    "Restriction",
    "SignalRefused",
    "TcString",
    "UsChoices",
    "Verdict",
    "read_canadian",
    "read_gpp",
    "read_tc_string",
    "read_us_section",
    "section_ids",
    "verdict",
]
