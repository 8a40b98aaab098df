#!/usr/bin/python3
"""Images that are no skin, for measuring what a model does not know.

    /usr/bin/python3 compute/classifier/testdata/make_unlike_images.py OUT [DIR]

Writes OUT/noise, OUT/text and OUT/textures, 120 JPEGs of 256 x 256 each, always
the same ones; and, of the JPEGs in DIR, OUT/blurred: each under a Gaussian of
3 pixels. Text is this repository's documentation; textures are cut from
the photographs that come with scikit-image and scikit-learn (Debian's
python3-skimage, python3-sklearn). Used by docs/evaluation.md, "Abstention".
"""

import pathlib
import sys

import numpy as np
import skimage
import sklearn.datasets
from PIL import Image, ImageDraw, ImageFilter, ImageFont

COUNT = 120
SIDE = 256
# Photographs with texture all over: fur, stone, grass, brick, roof, petals,
# cloth, foam, gravel; two microscopic ones among them.
SKIMAGE = ["brick.png", "grass.png", "gravel.png", "chelsea.png", "coffee.png",
           "astronaut.png", "ihc.png", "rocket.jpg"]
SKLEARN = ["china.jpg", "flower.jpg"]


def noise(i, rng):
    if i % 3 == 0:  # every pixel by itself
        return rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    if i % 3 == 1:  # a normal one around a colour of skin
        values = rng.normal((200, 150, 130), 40, (SIDE, SIDE, 3))
        return np.clip(values, 0, 255).astype(np.uint8)
    # Coarse: patches of 2 to 32 pixels.
    cells = int(rng.choice([8, 16, 32, 64, 128]))
    small = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((SIDE, SIDE), Image.BICUBIC))


def text(i, rng, lines):
    page = Image.new("RGB", (SIDE, SIDE), (255, 255, 255) if i % 4 else (240, 230, 200))
    size = int(rng.integers(9, 24))
    font = ImageFont.truetype(
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", size)
    draw = ImageDraw.Draw(page)
    start = int(rng.integers(0, len(lines)))
    for row, y in enumerate(range(4, SIDE, size + 4)):
        draw.text((4, y), lines[(start + row) % len(lines)], fill=(20, 20, 20),
                  font=font)
    return np.asarray(page)


def texture(i, rng, photographs):
    photograph = photographs[i % len(photographs)]
    width, height = photograph.size
    side = int(rng.integers(128, min(width, height)))
    x = int(rng.integers(0, width - side + 1))
    y = int(rng.integers(0, height - side + 1))
    return np.asarray(
        photograph.crop((x, y, x + side, y + side)).resize((SIDE, SIDE), Image.BICUBIC))


def blur(folder, out):
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(pathlib.Path(folder).glob("*.jpg")):
        blurred = Image.open(path).filter(ImageFilter.GaussianBlur(3))
        blurred.save(out / path.name, quality=92)


def main(out, photographs_to_blur=None):
    root = pathlib.Path(__file__).resolve().parents[3]
    lines = [line for page in sorted((root / "docs").glob("*.md"))
             for line in page.read_text().splitlines() if len(line) > 20]
    folders = [pathlib.Path(skimage.__file__).parent / "data" / name for name in SKIMAGE]
    folders += [pathlib.Path(sklearn.datasets.__file__).parent / "images" / name
                for name in SKLEARN]
    photographs = [Image.open(path).convert("RGB") for path in folders]
    rng = np.random.default_rng(9)
    for kind, make in [("noise", noise),
                       ("text", lambda i, r: text(i, r, lines)),
                       ("textures", lambda i, r: texture(i, r, photographs))]:
        folder = pathlib.Path(out) / kind
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(COUNT):
            Image.fromarray(make(i, rng)).save(folder / f"{kind}_{i:03}.jpg", quality=92)
    if photographs_to_blur:
        blur(photographs_to_blur, pathlib.Path(out) / "blurred")


if __name__ == "__main__":
    main(*sys.argv[1:3])
