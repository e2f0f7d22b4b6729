"""Published test vectors, through the functions that the protocol calls."""
