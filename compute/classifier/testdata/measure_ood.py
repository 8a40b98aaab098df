#!/usr/bin/python3
"""The table of docs/adr/0024: which distance tells what is no skin.

    /usr/bin/python3 compute/classifier/testdata/make_unlike_images.py OUT
    /usr/bin/python3 compute/classifier/testdata/measure_ood.py DATA OUT

DATA holds isic2017/, ham10000_sample/ and weights/squeezenet1_1.pt. Features are
average-pooled SqueezeNet at 224 x 224 through Pillow's bilinear resize, which is
ours but for rounding. Needs Debian's python3-torch, -sklearn, -skimage, -pil.
"""

import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
RATE = 0.02


def features(network, folder):
    rows = []
    for path in sorted(pathlib.Path(folder).glob("*.jpg")):
        image = Image.open(path).convert("RGB").resize((224, 224), Image.BILINEAR)
        planes = (np.asarray(image, np.float32) / 255 - MEAN) / DEVIATION
        with torch.no_grad():
            out = network(torch.from_numpy(planes.transpose(2, 0, 1)[None].copy()))
        rows.append(out.mean((2, 3))[0].double().numpy())
    return np.array(rows)


def mahalanobis(fit):
    def distance(x):
        off = x - fit.location_
        return np.sqrt(np.einsum("ij,jk,ik->i", off, fit.precision_, off))
    return distance


def neighbour(rows, k):
    def distance(x):
        squares = (x**2).sum(1)[:, None] + (rows**2).sum(1) - 2 * x @ rows.T
        return np.sort(np.sqrt(np.maximum(0, squares)), 1)[:, k - 1]
    return distance


def main(data, unlike):
    network = torch.jit.load(f"{data}/weights/squeezenet1_1.pt").eval()
    train = features(network, f"{data}/isic2017/train")
    validation = features(network, f"{data}/isic2017/validation")
    others = {"ham10000": features(network, f"{data}/ham10000_sample/images")}
    for kind in ("noise", "text", "textures"):
        others[kind] = features(network, f"{unlike}/{kind}")
    mean, deviation = train.mean(0), train.std(0)
    as_is = lambda x: x
    standard = lambda x: (x - mean) / deviation
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    ways = {
        "mahalanobis, raw": (as_is, mahalanobis(LedoitWolf().fit(train))),
        "diagonal": (standard, lambda x: np.sqrt((x**2).sum(1))),
        "10th neighbour, standardised": (standard, neighbour(standard(train), 10)),
        "10th neighbour, length 1": (unit, neighbour(unit(train), 10)),
        "50th neighbour, length 1": (unit, neighbour(unit(train), 50)),
        "mahalanobis, length 1": (unit, mahalanobis(LedoitWolf().fit(unit(train)))),
    }
    for name, (scaled, distance) in ways.items():
        usual = distance(scaled(validation))
        threshold = np.sort(usual)[::-1][int(RATE * len(usual))]
        line = f"{name:30} validation {np.mean(usual > threshold):.3f}"
        for kind, rows in others.items():
            found = distance(scaled(rows))
            truth = np.r_[np.zeros(len(usual)), np.ones(len(found))]
            area = roc_auc_score(truth, np.r_[usual, found])
            line += f" | {kind} {np.mean(found > threshold):.3f} (AUROC {area:.3f})"
        print(line)


if __name__ == "__main__":
    main(*sys.argv[1:3])
