"""The screens. Everything that knows Kivy is in here."""
