"""A photo or a video on the whole screen; any other file with what can be done with it."""

from pathlib import Path
from typing import Any

from kivy.graphics import Color, Rectangle
from kivy.uix.scatterlayout import ScatterLayout
from kivy.uix.widget import Widget
from PIL import Image

from onebar import Message
from onebar_app.phone.android import ON_ANDROID
from onebar_app.phone.downloads import free_path, keep
from onebar_app.ui.look import look
from onebar_app.ui.navigator import Screen, TopBar
from onebar_app.ui.screens.chats import Emptiness
from onebar_app.ui.shell import Shell
from onebar_app.ui.speaker import Speaker
from onebar_app.ui.textures import upload
from onebar_app.ui.video import VideoView
from onebar_app.view_models.film import can_play
from onebar_app.view_models.formats import size
from onebar_app.view_models.pictures import preview
from onebar_app.view_models.playback import Playback


class _Photo(Widget):  # type: ignore[misc]
    """A picture as large as it fits."""

    def __init__(self) -> None:
        super().__init__()
        self._picture: Any = None
        with self.canvas:
            self._colour = Color(1, 1, 1, 0)
            self._shape = Rectangle()
        self.bind(pos=self._redraw, size=self._redraw)

    def show(self, picture: Image.Image) -> None:
        """Show a picture."""
        self._picture = upload(picture)
        self._colour.a = 1
        self._redraw()

    def _redraw(self, *_: object) -> None:
        if self._picture is None:
            return
        scale = min(self.width / self._picture.width, self.height / self._picture.height)
        width, height = self._picture.width * scale, self._picture.height * scale
        self._shape.texture = self._picture
        self._shape.size = (width, height)
        self._shape.pos = ((self.x + self.width / 2) - width / 2, (self.y + self.height / 2) - height / 2)


class MediaScreen(Screen):
    """One photo, to look at and to zoom; or a file."""

    def __init__(self, shell: Shell, message: Message) -> None:
        self._shell, self._message = shell, message
        attachment = message.attachment
        assert attachment is not None
        self._photo = _Photo()
        self.video: VideoView | None = None
        if attachment.kind == "photo":
            body: Widget = ScatterLayout(do_rotation=False, scale_min=1, scale_max=6, auto_bring_to_front=False)
            body.add_widget(self._photo)
        elif attachment.kind == "video" and can_play():
            body = self.video = VideoView(Playback(shell.session, message, Speaker()))
        else:
            name = attachment.name or look.words(f"kind_{attachment.kind}")
            icon = {"video": "video", "voice": "mic"}.get(attachment.kind, "file")
            told = size(attachment.file_bytes)
            told += f"\n{look.words('video_not_here')}" if attachment.kind == "video" else ""
            body = Emptiness(icon, name, told, look.words("save"), self._save)
        dark = attachment.kind == "photo" or self.video is not None  # in both themes: nothing shines beside a photo
        super().__init__(body, ground="#000000" if dark else "surface")
        bar = TopBar(
            shell.session.name(message.chat) if not message.outgoing else look.words("you"),
            shell.back,
            *(("#000000", "#ffffff") if dark else ()),
        )
        bar.action("download", self._save)
        self.top_bar.add_widget(bar)
        small = preview(attachment.preview)
        if attachment.kind == "photo":
            if small is not None:
                self._photo.show(small)
            shell.run(self._load())
        if self.video is not None:
            self.video.start(small)
            playback = self.video.playback
            self.on_leave(self.video.stop)
            self.on_leave(lambda: shell.run(playback.close()))
            shell.run(playback.open())

    def pause(self) -> None:
        """Another app comes to the front."""
        if self.video is not None:
            self.video.playback.pause()

    async def _load(self) -> None:
        side = round(max(self.width, self.height, 1600))
        self._photo.show(await self._shell.pictures.full(self._message, side))

    def _save(self) -> None:
        self._shell.run(save(self._shell, self._message), "saved")


async def save(shell: Shell, message: Message) -> None:
    """Write the file of a message to the user's downloads, beside what is there.

    Raises:
        OnebarError: It is not here.
        OSError: It cannot be written.
    """
    attachment = message.attachment
    assert attachment is not None
    ending = {"image/jpeg": ".jpg", "image/avif": ".avif", "video/mp4": ".mp4", "audio/ogg": ".ogg"}
    name = Path(attachment.name).name or f"onebar-{message.message_no}{ending.get(attachment.media_type, '')}"
    file = shell.session.client.file(message)
    if not ON_ANDROID:
        folder = Path.home() / "Downloads"
        folder.mkdir(exist_ok=True)
        await file.save(free_path(folder, name))
        return
    plain = shell.session.scratch.path(Path(name).suffix)
    try:
        await file.save(plain)
        await keep(plain, name, attachment.media_type)
    finally:
        plain.unlink(missing_ok=True)
