"""The fitted parameters of the stage: the match model of records and the model of devices' behaviour, kept in the home by number.

identity/parameters/<number>/   `records/` (`RecordModel.save`), `devices.json` (`save_model`; none where the data supported none)

Parameters are fitted once, by the first run that has the data for it, and again when the operator says so: a model that moves
with every run would move people. One that was fitted on so little that it holds defaults is fitted again by every full run.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from graph.resolve.cross_device import CrossDeviceModel, load_model, save_model
from graph.resolve.records import RecordModel

__all__ = ["Fitted", "load_fitted", "save_fitted"]


@dataclass(frozen=True)
class Fitted:
    """`devices`: None where behaviour says nothing."""

    records: RecordModel
    devices: CrossDeviceModel | None


def save_fitted(folder: Path, fitted: Fitted) -> str:
    """Write parameters into a new folder under `folder`; gives its name. Raises HomeNotWritable."""
    taken = [int(p.name) for p in folder.glob("*") if p.name.isdigit()] if folder.exists() else []
    name = f"{max(taken, default=0) + 1:06d}"
    part = folder / f".{name}"
    shutil.rmtree(part, ignore_errors=True)
    fitted.records.save(part / "records")
    if fitted.devices is not None:
        save_model(fitted.devices, part / "devices.json")
    part.rename(folder / name)
    return name


def load_fitted(folder: Path, name: str) -> Fitted:
    """Raises ModelError where they are missing or damaged."""
    devices = folder / name / "devices.json"
    return Fitted(RecordModel.load(folder / name / "records"), load_model(devices) if devices.exists() else None)
