"""Our ratchet against other people's: live where they are installed, and from frozen transcripts everywhere."""
