"""What people do with their phones, for the simulator and for load tests."""
