"""One module a screen; what they do is in `onebar_app.view_models`."""
