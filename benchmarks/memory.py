"""Peak memory of reading a video, by its length: qwen-vl-utils, our decoding, and a proxy.

    python -m benchmarks.memory --folder DIR [--size 720p] [--rounds 1] [--plot PNG]

In the environment of rl; the frames of the budget of RL, of which a video of 64 s or more has 128. What a process takes
beyond its imports (about 0.5 GiB, torch's) for one reading.
"""

from benchmarks.clips import SIZES, clips
from benchmarks.decode import run_reads, values
from benchmarks.sides import Comparison, parser_of

LENGTHS = (64, 340, 900)  # seconds


def main() -> None:
    parser = parser_of(__doc__, "videos and proxies")
    parser.add_argument("--size", choices=SIZES, default="720p", help="(default: %(default)s)")
    args = parser.parse_args()
    folder = args.folder.resolve()
    videos = [clips(folder, args.size, seconds)[0] for seconds in LENGTHS]
    told = Comparison(f"Memory that reading 128 frames of {args.size} takes beyond the imports")
    for seconds, made in zip(LENGTHS, run_reads(videos, folder / "proxies", args.rounds), strict=True):
        told.add(f"{seconds} s", "MiB", values(made, "beyond"))
    told.draw(args.plot)


if __name__ == "__main__":
    main()
