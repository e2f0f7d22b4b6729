"""Keys, signatures and sealing, on PyNaCl. No I/O, no clock, no dice."""
