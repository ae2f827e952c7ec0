"""Encoding of frames as GIF and MP4."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from embedlens.arguments import check_pictures
from embedlens.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

DPI = 160
_HOLD = 3.0  # how many times longer the last frame of a GIF is shown
_SAMPLE = 3  # frames from which the colours of a GIF are taken: nearly the colours of all, in half the time


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
    """Return up to `count` key epochs: the first, the last, and more of the early ones."""
    ordered = sorted(epochs)
    places = np.unique(np.round(np.geomspace(1, len(ordered), count)).astype(int) - 1)
    return [ordered[place] for place in places]


def write_gif(path: Path, frames: Sequence[NDArray[np.uint8]], fps: float) -> None:
    """Write frames, each uint8 [h, w, 3], as GIF that repeats without end; the last frame is shown longer.

    All frames share the 256 colours that suit the first, the middle and the last of them, so
    that nothing flickers. Frames are taken one by one, and may be drawn when they are taken.

    Raises
    ------
    OSError
        The encoder failed, for example because the disk is full; the message has its output.
    """
    count = _count(frames)
    places = np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).round().astype(int)).tolist()
    # One encoder: the frames that give the colours come first, and their end yields the palette.
    # No colour is kept for transparency: it would cost one of the few, and time.
    graph = (
        f"split[first][rest];[first]trim=end_frame={len(places)},"
        "palettegen=stats_mode=full:reserve_transparent=0[colours];"
        f"[rest]trim=start_frame={len(places)},setpts=PTS-STARTPTS[shown];"
        "[shown][colours]paletteuse=dither=none:diff_mode=rectangle"
    )
    hold = ["-loop", "0", "-final_delay", str(round(100 * _HOLD / fps))]
    pictures = chain((frames[place] for place in places), frames)
    _encode(path, pictures, fps, "-filter_complex", graph, *hold, "-f", "gif")


def _count(frames: Sequence[NDArray[np.uint8]]) -> int:
    """Return how many frames there are, at least one."""
    if not hasattr(frames, "__getitem__") or len(frames) == 0:
        message = f"frames are {type(frames).__name__}; a list of one picture or more is needed"
        raise InputError(message)
    return len(frames)


def write_mp4(path: Path, frames: Sequence[NDArray[np.uint8]], fps: float) -> None:
    """Write frames, each uint8 [h, w, 3] with even h and w, as MP4 (H.264) of exactly their size.

    Raises
    ------
    OSError
        The encoder failed, for example because the disk is full; the message has its output.
    """
    _count(frames)
    options = ("-an", "-vcodec", "libx264", "-pix_fmt", "yuv420p", "-crf", "10", "-f", "mp4")
    _encode(path, frames, fps, *options)


def _encode(path: Path, frames: Iterable[NDArray[np.uint8]], fps: float, *options: str) -> None:
    """Encode frames, all of one size, by ffmpeg with some options."""
    pictures = iter(frames)
    first = check_pictures(next(pictures), "frames", shape=(None, None, 3))
    shape = first.shape
    rate = str(Fraction(fps).limit_denominator())
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
        "-s", f"{shape[1]}x{shape[0]}", "-r", rate, "-i", "-", *options, str(path),
    ]  # fmt: skip
    # What the encoder says goes to a file: a pipe that nobody reads would fill up.
    with tempfile.TemporaryFile() as output:
        encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=output)
        assert encoder.stdin is not None
        try:
            with suppress(BrokenPipeError):  # it has ended already; its status says so
                with encoder.stdin as stream:
                    stream.write(first.tobytes())
                    del first  # so that one frame is in memory while the next is drawn
                    for frame in pictures:
                        stream.write(check_pictures(frame, "frames", shape=shape).tobytes())
            status = encoder.wait()
        finally:
            if encoder.poll() is None:
                encoder.kill()
                encoder.wait()
        if status:
            output.seek(0)
            lines = output.read(1 << 16).decode(errors="replace").split("\n")
            message = f"ffmpeg failed ({next((line for line in lines if line), f'status {status}')})"
            raise OSError(message)
