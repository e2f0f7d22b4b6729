"""`make bench-weak`: one conversation over weak networks, by Onebar and by what else one would pick, side by side."""
