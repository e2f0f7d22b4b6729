"""`make bench-server`: what a message costs Onebar's server, beside other servers that do the same in the same run."""
