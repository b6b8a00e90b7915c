"""Other people's readers of the same files, to compare ours with; none of them is needed to read an ECG.

Each returns leads by the name they have in the file, in millivolts.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.ecg.readers import Format, aecg, dicom, edf, muse, scp, sierra, wfdb

Leads = Mapping[str, npt.NDArray[np.float64]]


def _pydicom(pydicom: Any, path: Path) -> Leads:
    dataset = pydicom.dcmread(path)
    labels = [str(group.get("MultiplexGroupLabel", "")) for group in dataset.WaveformSequence]
    rhythm = labels.index("RHYTHM") if "RHYTHM" in labels else 0
    values = dataset.waveform_array(rhythm)
    channels = dataset.WaveformSequence[rhythm].ChannelDefinitionSequence
    return {
        str(channel.ChannelSourceSequence[0].CodeMeaning): values[:, index]
        / _PER_MV[str(channel.ChannelSensitivityUnitsSequence[0].CodeValue)]
        for index, channel in enumerate(channels)
    }


def _ecgdatakit(parser: Any, path: Path) -> Leads:
    leads = [lead.to_physical() for lead in parser.FileParser().parse(path).leads]
    return {lead.label: lead.samples / _PER_MV[lead.units] for lead in leads}


def _sierraecg(sierraecg: Any, path: Path) -> Leads:
    """Return counts of 5 µV: the package tells no resolution, and no file had another."""
    return {lead.label: lead.samples * 0.005 for lead in sierraecg.read_file(str(path)).leads}


def _pyedflib(pyedflib: Any, path: Path) -> Leads:
    with pyedflib.EdfReader(str(path)) as reader:
        return {
            label: reader.readSignal(index) / _PER_MV[reader.getPhysicalDimension(index)]
            for index, label in enumerate(reader.getSignalLabels())
            if reader.getPhysicalDimension(index) in _PER_MV
        }


def _wfdb(package: Any, path: Path) -> Leads:
    record = package.rdrecord(str(path.with_suffix("")))
    return {
        name: record.p_signal[:, index] / _PER_MV[unit]
        for index, (name, unit) in enumerate(zip(record.sig_name, record.units, strict=True))
        if unit in _PER_MV
    }


_PER_MV = {"mV": 1.0, "uV": 1e3, "V": 1e-3}

PEERS: dict[Format, tuple[str, str, Callable[[Any, Path], Leads]]] = {
    dicom: ("pydicom", "pydicom", _pydicom),
    muse: ("ecgdatakit", "ecgdatakit.parsing.parser", _ecgdatakit),
    aecg: ("ecgdatakit", "ecgdatakit.parsing.parser", _ecgdatakit),
    scp: ("ecgdatakit", "ecgdatakit.parsing.parser", _ecgdatakit),
    sierra: ("sierraecg", "sierraecg", _sierraecg),
    edf: ("pyedflib", "pyedflib", _pyedflib),
    wfdb: ("wfdb", "wfdb", _wfdb),
}
"""For each format who else reads it: their name, the module, and how it is asked."""
