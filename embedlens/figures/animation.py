"""Frames to GIF and MP4, without any program of the system."""

from __future__ import annotations

import subprocess
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from embedlens.arguments import check_pictures
from embedlens.errors import InputError
from embedlens.figures.moving.gif import GifStream, palette_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

DPI = 160
_HOLD = 3.0  # the last frame of a GIF stays so many times longer


def render(figure: Figure) -> NDArray[np.uint8]:
    """Return the figure, resized to an even number of pixels each way, as uint8 [h, w, 3]."""
    canvas = canvas_of(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])  # type: ignore[no-untyped-call]


def canvas_of(figure: Figure) -> FigureCanvasAgg:
    """Return a canvas for the figure, which is resized to an even number of pixels each way."""
    pixels = [2 * round(inches * DPI / 2) for inches in figure.get_size_inches()]
    figure.set_dpi(DPI)
    figure.set_size_inches(*((size + 1e-6) / DPI for size in pixels))
    return FigureCanvasAgg(figure)


def key_epochs(epochs: Iterable[int], count: int = 5) -> list[int]:
    """Return up to `count` epochs that tell the story: the first, the last, and more of the early ones."""
    ordered = sorted(epochs)
    places = np.unique(np.round(np.geomspace(1, len(ordered), count)).astype(int) - 1)
    return [ordered[place] for place in places]


def write_gif(path: Path, frames: Sequence[NDArray[np.uint8]], fps: float) -> None:
    """Write frames, each uint8 [h, w, 3], as GIF that repeats for ever; the last frame stays longer.

    All frames share the colours that suit the first, the middle and the last, so that nothing flickers.
    Frames are taken one by one, and may be drawn when they are taken; meanwhile the one before is encoded.
    """
    count = _count(frames)
    sample = {place: _frame(frames[place]) for place in (0, count // 2, count - 1)}
    height, width, _ = sample[0].shape
    with path.open("wb") as file, ThreadPoolExecutor(1) as encoder:
        stream = GifStream(file, (width, height), palette_of(list(sample.values())))
        written: Future[None] | None = None
        for number in range(count):
            frame = sample[number] if number in sample else _frame(frames[number], (height, width, 3))
            if written is not None:
                written.result()
            seconds = (_HOLD if number == count - 1 else 1.0) / fps
            written = encoder.submit(stream.add, frame, seconds)
        if written is not None:
            written.result()
        stream.close()


def _count(frames: Sequence[NDArray[np.uint8]]) -> int:
    """Return how many frames there are, at least one."""
    if not hasattr(frames, "__getitem__") or len(frames) == 0:
        message = f"frames are {type(frames).__name__}; a list of one picture or more is needed"
        raise InputError(message)
    return len(frames)


def _frame(values: NDArray[np.uint8], shape: tuple[int | None, ...] = (None, None, 3)) -> NDArray[np.uint8]:
    """Return a frame, uint8 [h, w, 3]."""
    return check_pictures(values, "frames", shape=shape)


def write_mp4(path: Path, frames: Sequence[NDArray[np.uint8]], fps: float) -> None:
    """Write frames, each uint8 [h, w, 3] with even h and w, as MP4 (H.264) of exactly their size.

    Raises
    ------
    OSError
        The encoder failed: a full disk, as a rule. What it says of it stands in the message.
    """
    _count(frames)
    height, width, _ = _frame(frames[0]).shape
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-f", "rawvideo", "-vcodec", "rawvideo",
        "-s", f"{width}x{height}", "-pix_fmt", "rgb24", "-r", str(Fraction(fps).limit_denominator()),
        "-i", "-", "-an", "-vcodec", "libx264", "-pix_fmt", "yuv420p", "-crf", "10",
        "-v", "error", "-f", "mp4", str(path),
    ]  # fmt: skip
    # What the encoder says goes to a file: a pipe that nobody reads would fill up.
    with tempfile.TemporaryFile() as said:
        encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
        assert encoder.stdin is not None
        try:
            with suppress(BrokenPipeError):  # it has ended already; its status says so
                with encoder.stdin as stream:
                    for frame in frames:
                        stream.write(_frame(frame, (height, width, 3)).tobytes())
            status = encoder.wait()
        finally:
            if encoder.poll() is None:
                encoder.kill()
                encoder.wait()
        if status:
            said.seek(0)
            lines = said.read(1 << 16).decode(errors="replace").split("\n")
            message = f"the MP4 encoder failed ({next((line for line in lines if line), f'status {status}')})"
            raise OSError(message)
