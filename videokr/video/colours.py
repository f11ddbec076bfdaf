"""Frames as RGB, by the colour matrix and the range that they are tagged with."""

from typing import Any

MATRICES = (1, 4, 7, 9, 10)  # of ITU-T H.273, which FFmpeg knows besides BT.601: BT.709, FCC, SMPTE 240M, BT.2020
BT_601 = 6  # also what FFmpeg and decord take for granted where there is no tag, and where they do not know it
LIMITED, FULL = 1, 2
# PyAV below 17 leaves matrix and range to FFmpeg's defaults where those of source and target are the same (PyAV #2230);
# an RGB target has neither, so that another number for BT.601 is as good as any.
ANOTHER = 5


class Rgb:
    """Converts the frames of one video; keeps what FFmpeg prepares for it."""

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._reformatter: Any = VideoReformatter()

    def __call__(self, frame: Any, size: tuple[int, int] | None = None, interpolation: str = "BILINEAR") -> Any:
        """uint8, (height, width, 3); as decord and FFmpeg convert it, bilinear where chroma has to be scaled.

        Args:
            size: width and height, if not the frame's own.
        """
        width, height = size or (frame.width, frame.height)
        is_full = frame.color_range == FULL or frame.format.name.startswith("yuvj")
        converted = self._reformatter.reformat(
            frame,
            width,
            height,
            interpolation=interpolation,
            format="rgb24",
            src_colorspace=frame.colorspace if frame.colorspace in MATRICES else BT_601,
            dst_colorspace=ANOTHER,
            src_color_range=FULL if is_full else LIMITED,
            dst_color_range=LIMITED,
        )
        return converted.to_ndarray()
