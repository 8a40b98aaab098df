"""Makes image.png and the features that other programs give for it.

    /usr/bin/python3 compute/feature/testdata/make_goldens.py ../shared/data

Everything after the PNG's pixels is Pillow, numpy and torch in double precision:
none of it comes from the code under test. The image has the networks' input size
(32), so that no resizing takes part.
"""

import json
import os
import struct
import sys

import numpy as np
import torch
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = 32


def safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[begin:end], "<f4").astype(np.float64)
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]))
    return tensors


def vgg16(x, tensors, layers):
    for layer in layers:
        if layer == "pool":
            x = torch.nn.functional.max_pool2d(x, 2, 2)
            continue
        weight, bias = (tensors[f"features.{layer}.{part}"] for part in ("weight", "bias"))
        x = torch.relu(torch.nn.functional.conv2d(x, weight, bias, padding=1))
    return x[0]


def write(name, values):
    with open(os.path.join(HERE, name), "w") as file:
        file.write("".join(f"{value:.17g}\n" for value in values.tolist()))


def main():
    weights = os.path.join(sys.argv[1], "weights")
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    pixels = np.stack(
        [(x * 7 + y * 3) % 256, (128 + 100 * np.sin(x / 5.0) * np.cos(y / 7.0)), (y * y + x) % 256], -1
    ).astype(np.uint8)
    Image.fromarray(pixels).save(os.path.join(HERE, "image.png"))
    rgb = np.array(Image.open(os.path.join(HERE, "image.png"))).astype(np.float64)

    torchvision = (rgb / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    planes = torch.from_numpy(torchvision.transpose(2, 0, 1).copy())[None]
    tensors = safetensors(os.path.join(weights, "vgg16_blocks_1_3.safetensors"))
    out = vgg16(planes, tensors, [0, 2, "pool", 5, 7, "pool", 10, 12, 14, "pool"])
    write("blocks_1_3_torchvision_block3_pool_avg.txt", out.mean((1, 2)))

    caffe = rgb[:, :, ::-1] - [103.939, 116.779, 123.68]
    planes = torch.from_numpy(caffe.transpose(2, 0, 1).copy())[None]
    tensors = safetensors(os.path.join(weights, "vgg16_blocks_1_2.safetensors"))
    out = vgg16(planes, tensors, [0, 2, "pool", 5, 7, "pool"])
    write("blocks_1_2_caffe_block2_pool_max.txt", out.amax((1, 2)))

    module = torch.jit.load(os.path.join(weights, "squeezenet1_1.pt")).eval()
    planes = torch.from_numpy(torchvision.transpose(2, 0, 1).copy())[None]
    with torch.inference_mode():
        out = module.double()(planes)[0]
    write("squeezenet1_1_torchvision_output_avg.txt", out.mean((1, 2)))


main()
