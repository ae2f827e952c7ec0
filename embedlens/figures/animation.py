"""Frames to GIF and MP4, without any program of the system."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

DPI = 160
_COLOURS = 128
_HOLD = 3.0  # the last frame of a GIF stays so many times longer


def render(figure: Figure) -> NDArray[np.uint8]:
    """Return the figure, resized to an even number of pixels each way, as uint8 [h, w, 3]."""
    pixels = [2 * round(inches * DPI / 2) for inches in figure.get_size_inches()]
    figure.set_dpi(DPI)
    figure.set_size_inches(*((size + 1e-6) / DPI for size in pixels))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])  # type: ignore[no-untyped-call]


def key_epochs(epochs: Iterable[int], count: int = 5) -> list[int]:
    """Return up to `count` epochs that tell the story: the first, the last, and more of the early ones."""
    ordered = sorted(epochs)
    places = np.unique(np.round(np.geomspace(1, len(ordered), count)).astype(int) - 1)
    return [ordered[place] for place in places]


def write_gif(path: Path, frames: Sequence[NDArray[np.uint8]], fps: float) -> None:
    """Write frames, each uint8 [h, w, 3], as GIF that repeats for ever; the last frame stays longer.

    All frames share the colours of the last, so that nothing flickers. Equal neighbours would be merged:
    a frame must bear its epoch.
    """
    last = Image.fromarray(frames[-1]).quantize(_COLOURS, method=Image.Quantize.MEDIANCUT)
    images = [Image.fromarray(frame).quantize(palette=last, dither=Image.Dither.NONE) for frame in frames]
    for image, frame in zip(images, frames, strict=True):
        image.putpalette(_with_background(image, frame))
    durations = [round(1000 / fps)] * len(images)
    durations[-1] = round(_HOLD * durations[-1])
    images[0].save(path, format="GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)


def _with_background(image: Image.Image, frame: NDArray[np.uint8]) -> list[int]:
    """Return the palette with the background, as the corner has it, in its own colour; averaging greys it."""
    palette = image.getpalette() or []
    entry = 3 * int(np.asarray(image)[0, 0])
    return [*palette[:entry], *frame[0, 0].tolist(), *palette[entry + 3 :]]


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
