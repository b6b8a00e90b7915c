"""Paper to signal: a printed ECG, scanned or photographed, as voltages, with how far each can be believed."""
