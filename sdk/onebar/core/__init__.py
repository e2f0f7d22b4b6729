"""The protocol of one device. No I/O, no clock, no dice."""
