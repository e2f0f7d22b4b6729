"""An executable model of the delivery rules R1–R4, and the product held against it, state by state."""
