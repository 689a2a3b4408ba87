"""Facts on firmwares and machines, as data with a source each."""
