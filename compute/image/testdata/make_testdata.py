"""Writes the images beside it, and what Pillow makes of them: an opinion that is
not ours about what our decoder and resizer must give.

    /usr/bin/python3 compute/image/testdata/make_testdata.py

(Debian 12: Pillow 9.4, numpy 1.24.) Same files every time.

pixels.txt:          NAME WIDTH HEIGHT RGB, the pixels in hex
resize_pillow.txt:   WIDTH HEIGHT RGB NEW_WIDTH NEW_HEIGHT RGB, by Image.resize
                     with BILINEAR
"""
import io
import os
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = (19, 11)  # more than one JPEG block, and none of them full


def scene(width, height, seed=1):
    """Skin with a lesion, some noise: smooth enough for JPEG, no symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    lesion = np.exp(-((x - 0.4 * width) ** 2 + 2 * (y - 0.6 * height) ** 2) / (0.06 * width * height + 1))
    skin = np.stack([210 - 2 * x, 160 - 3 * y, 140 + x], axis=2)
    noise = np.random.RandomState(seed).randint(-9, 10, skin.shape)
    return np.clip(skin - lesion[..., None] * [90, 110, 100] + noise, 0, 255).astype(np.uint8)


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width, height, depth, colour, rows, interlaced=0, before=b"", after=b""):
    """A PNG by hand, for what Pillow cannot write. `rows`: bytes, unfiltered."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels) + after
            + chunk(b"IEND", b""))


def adam7(array):
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        part = array[y0::dy, x0::dx]
        if part.size:
            yield from (row.tobytes() for row in part)


def tiff(order, tag_values):
    """A TIFF block of SHORTs."""
    e = "<" if order == b"II" else ">"
    entries = b"".join(struct.pack(e + "HHIHH", tag, 3, 1, value, 0) for tag, value in tag_values)
    return order + struct.pack(e + "HIH", 42, 8, len(tag_values)) + entries + struct.pack(e + "I", 0)


def over_white(rgba):
    """c a + 255 (1 - a), rounded half up, in whole numbers."""
    rgba = rgba.astype(int)
    a = rgba[..., 3:]
    return ((rgba[..., :3] * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)


def main():
    rgb = scene(*SIZE)
    image = Image.fromarray(rgb)
    alpha = np.random.RandomState(7).randint(0, 256, rgb.shape[:2]).astype(np.uint8)
    rgba = np.dstack([rgb, alpha])
    deep = rgb.astype(np.uint16) * 257 + np.random.RandomState(8).randint(-120, 121, rgb.shape).astype(np.int32)
    deep = np.clip(deep, 0, 65535)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    icc = icc[:24] + b"\0" * 12 + icc[36:]  # the time of its making

    gps = Image.Exif()
    gps[0x010F] = "SECRET maker"
    gps[0x0112] = 6
    gps.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", "SECRET name")
    text.add_text("Comment", "SECRET compressed", zip=True)
    text.add_itxt("XML:com.adobe.xmp", "SECRET xmp")

    def saved(source, kind, **options):
        out = io.BytesIO()
        source.save(out, kind, **options)
        return out.getvalue()

    def exif(block):
        return b"Exif\0\0" + block

    jpeg = saved(image, "JPEG", quality=90, subsampling=0)
    after_soi = b"\xff\xe1\x00\x14http://ns.adobe.\0\0"  # an APP1 that is no EXIF
    files = {
        "baseline.jpg": jpeg,
        "subsampled.jpg": saved(image, "JPEG", quality=90, subsampling=2),
        "progressive.jpg": saved(image, "JPEG", quality=90, progressive=True),
        "grey.jpg": saved(image.convert("L"), "JPEG", quality=90),
        "cmyk.jpg": saved(image.convert("CMYK"), "JPEG", quality=90),
        "orientation_5_intel.jpg": saved(image, "JPEG", quality=90, exif=exif(tiff(b"II", [(0x100, 1), (0x112, 5)]))),
        "orientation_8.jpg": jpeg[:2] + after_soi + saved(image, "JPEG", quality=90, subsampling=0,
                                                          exif=exif(tiff(b"MM", [(0x112, 8)])))[2:],
        "metadata.jpg": saved(image, "JPEG", quality=90, exif=gps, icc_profile=icc, comment=b"SECRET comment") + b"SECRET tail",
        "rgb.png": saved(image, "PNG"),
        "grey.png": saved(image.convert("L"), "PNG"),
        "one_bit.png": saved(image.convert("1"), "PNG"),
        "palette_4bit.png": saved(image.quantize(16), "PNG", bits=4),
        "palette_transparent.png": saved(image.quantize(16), "PNG", transparency=bytes(range(0, 256, 16))),
        "colour_key.png": saved(image, "PNG", transparency=tuple(int(v) for v in rgb[3, 4])),
        "rgba.png": saved(Image.fromarray(rgba), "PNG"),
        "grey_alpha.png": saved(Image.fromarray(rgba).convert("LA"), "PNG"),
        "interlaced.png": png(*SIZE, 8, 2, adam7(rgb), interlaced=1),
        "interlaced_alpha.png": png(*SIZE, 8, 6, adam7(rgba), interlaced=1),
        "rgb_16bit.png": png(*SIZE, 16, 2, [row.astype(">u2").tobytes() for row in deep]),
        "orientation_7.png": saved(image, "PNG", exif=tiff(b"MM", [(0x112, 7)])),
        "orientation_after_pixels.png": png(*SIZE, 8, 2, [row.tobytes() for row in rgb],
                                            after=chunk(b"eXIf", tiff(b"II", [(0x112, 3)]))),
        "metadata.png": saved(image, "PNG", exif=gps, pnginfo=text, icc_profile=icc, dpi=(300, 300)) + b"SECRET tail",
    }

    # What Pillow would do otherwise than we say: 16 bit (it cuts, we round).
    expected = {"rgb_16bit.png": np.floor(deep / 257 + 0.5).astype(np.uint8)}
    with open(os.path.join(HERE, "pixels.txt"), "w") as out:
        for name, content in sorted(files.items()):
            with open(os.path.join(HERE, name), "wb") as file:
                file.write(content)
            pixels = expected.get(name)
            if pixels is None:
                shown = Image.open(io.BytesIO(content))
                if "transparency" in shown.info or shown.mode in ("RGBA", "LA"):
                    pixels = over_white(np.asarray(ImageOps.exif_transpose(shown.convert("RGBA"))))
                else:
                    pixels = np.asarray(ImageOps.exif_transpose(shown).convert("RGB"))
            print(name, pixels.shape[1], pixels.shape[0], pixels.tobytes().hex(), file=out)

    with open(os.path.join(HERE, "resize_pillow.txt"), "w") as out:
        for width, height, new_width, new_height in [(1, 1, 4, 3), (5, 4, 5, 4), (7, 5, 16, 11), (31, 29, 13, 11),
                                                     (40, 30, 7, 30), (3, 60, 8, 9), (200, 2, 11, 3), (2, 3, 1, 1)]:
            pixels = np.random.RandomState(width).randint(0, 256, (height, width, 3)).astype(np.uint8)
            resized = Image.fromarray(pixels).resize((new_width, new_height), Image.BILINEAR)
            print(width, height, pixels.tobytes().hex(), new_width, new_height, resized.tobytes().hex(), file=out)


main()
