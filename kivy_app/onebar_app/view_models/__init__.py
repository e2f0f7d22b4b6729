"""What the screens show and do, without Kivy and without a window."""
