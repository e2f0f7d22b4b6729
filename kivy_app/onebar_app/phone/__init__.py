"""What only a phone has: its keystore, its networks, its notifications, its service. Empty hands on a desktop."""
