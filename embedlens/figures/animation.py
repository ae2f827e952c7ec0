"""Frames to GIF and MP4, without any program of the system."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

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
    count = len(frames)
    sample = {place: frames[place] for place in (0, count // 2, count - 1)}
    height, width, _ = sample[0].shape
    with path.open("wb") as file, ThreadPoolExecutor(1) as encoder:
        stream = GifStream(file, (width, height), palette_of(list(sample.values())))
        written: Future[None] | None = None
        for number in range(count):
            frame = sample[number] if number in sample else frames[number]
            if written is not None:
                written.result()
            seconds = (_HOLD if number == count - 1 else 1.0) / fps
            written = encoder.submit(stream.add, frame, seconds)
        if written is not None:
            written.result()
        stream.close()


def write_mp4(path: Path, frames: Sequence[NDArray[np.uint8]], fps: float) -> None:
    """Write frames, each uint8 [h, w, 3] with even h and w, as MP4 (H.264) of exactly their size."""
    height, width, _ = frames[0].shape
    stream = imageio_ffmpeg.write_frames(
        str(path),
        (width, height),
        fps=fps,
        codec="libx264",
        pix_fmt_out="yuv420p",
        macro_block_size=2,
        quality=8,
        ffmpeg_log_level="error",
        output_params=["-f", "mp4"],
    )
    stream.send(None)
    try:
        for frame in frames:
            stream.send(frame.tobytes())
    finally:
        stream.close()
