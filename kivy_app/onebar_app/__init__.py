"""The phone app: a messenger on the SDK's public API. Only `onebar_app.ui` knows Kivy."""
