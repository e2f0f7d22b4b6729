"""Text as people write it: fonts by character, emoji in colour, both directions on one line. Knows no Kivy."""
