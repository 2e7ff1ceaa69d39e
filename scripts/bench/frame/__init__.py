"""What every bench of this repository shares: rows, paired rounds, processes under measurement."""
