"""Who watches is told, until they have enough."""

from onebar_app.view_models.observable import Observable


def test_watchers_are_told_until_they_leave() -> None:
    model, told = Observable(), []
    leave = model.watch(lambda: told.append(1))
    model.watch(lambda: leave())
    model.changed()
    leave()
    model.changed()
    assert told == [1]
