"""Makes small Keras weight files with h5py, and the first random weights.

    /usr/bin/python3 compute/backbone/testdata/make_goldens.py

kernel[y][x][i][o] = o + 100 i + 1000 x + 5000 y (exact in a float), bias[o] = -o,
so that a test can tell where each value belongs.
"""

import hashlib
import os

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def block1_conv1():
    y, x, i, o = np.mgrid[0:3, 0:3, 0:3, 0:64]
    return (o + 100 * i + 1000 * x + 5000 * y).astype("f4"), -np.arange(64, dtype="f4")


NEW = ("block1_conv1/kernel:0", "block1_conv1/bias:0")


def write(name, root, kernel_name, bias_name, kernel=None, bias=None):
    if kernel is None:
        kernel = block1_conv1()[0]
    if bias is None:
        bias = block1_conv1()[1]
    with h5py.File(os.path.join(HERE, name), "w") as file:
        group = file.create_group(root) if root else file
        group.attrs["layer_names"] = [b"input_1", b"block1_conv1", b"block1_pool"]
        group.attrs["backend"] = b"tensorflow"
        group.create_group("input_1").attrs["weight_names"] = np.zeros(0, "S1")
        layer = group.create_group("block1_conv1")
        layer.attrs["weight_names"] = [kernel_name.encode(), bias_name.encode()]
        layer.create_dataset(kernel_name, data=kernel)
        layer.create_dataset(bias_name, data=bias)


def splitmix64(state):
    mask = (1 << 64) - 1
    state = (state + 0x9E3779B97F4A7C15) & mask
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return state, z ^ (z >> 31)


def random_weights(name, seed, fan_in, count):
    # Checksum64: the digest's first eight bytes, least significant first.
    state = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") ^ seed
    values = []
    for _ in range(count):
        total = 0
        for _ in range(3):
            state, bits = splitmix64(state)
            total += sum(bits >> shift & 0xFFFF for shift in (0, 16, 32, 48))
        z = np.float32((total - 393210) / 65536)
        values.append(z * np.float32(np.sqrt(2.0 / fan_in)))
    print(name, "seed", seed, [float(value).hex() for value in values])


write("keras_old.h5", "", "block1_conv1_W_1:0", "block1_conv1_b_1:0")
write("keras_new.h5", "", *NEW)
write("keras_model.h5", "model_weights", *NEW)
kernel, bias = block1_conv1()
write("keras_wrong_shape.h5", "", *NEW, kernel=kernel.transpose(3, 2, 0, 1))
write("keras_double.h5", "", *NEW, kernel=kernel.astype("f8"))
write("keras_integer.h5", "", *NEW, bias=bias.astype("i4"))
write("keras_nan.h5", "", *NEW, bias=np.where(np.arange(64) == 7, np.nan, bias).astype("f4"))
with h5py.File(os.path.join(HERE, "keras_other.h5"), "w") as file:
    file["dense/dense/kernel:0"] = np.ones((2, 2), "f4")
with h5py.File(os.path.join(HERE, "keras_link.h5"), "w") as file:
    file["block1_conv1"] = h5py.ExternalLink("keras_new.h5", "/block1_conv1")
with h5py.File(os.path.join(HERE, "keras_elsewhere.h5"), "w") as file:
    file.create_dataset("block1_conv1/" + NEW[0], (3, 3, 3, 64), "f4",
                        external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])


def counted(shape, first):
    return (first + np.arange(np.prod(shape))).reshape(shape).astype("f4")


# What Keras has beside plain convolutions, in both layouts; and layers that it named itself,
# their counter not at its beginning and ten sorted before nine.
with h5py.File(os.path.join(HERE, "keras_roles.h5"), "w") as file:
    layer = file.create_group("block2_sepconv1/block2_sepconv1")
    layer["depthwise_kernel:0"] = counted((3, 3, 2, 1), 0)
    layer["pointwise_kernel:0"] = counted((1, 1, 2, 4), 100)
    for number in (8, 9, 10):
        file[f"conv2d_{number}/conv2d_{number}/kernel:0"] = counted((1, 1, 1, 1), number)
    for number, name in enumerate(("batch_normalization", "batch_normalization_1")):
        for i, role in enumerate(("gamma", "beta", "moving_mean", "moving_variance")):
            file[f"{name}/{name}/{role}:0"] = counted((2,), 10 * number + i)
    for i, role in enumerate(("gamma", "beta", "running_mean", "running_std")):
        file[f"block1_conv1_bn/block1_conv1_bn_{role}:0"] = counted((2,), 50 + i)
random_weights("features.0.weight", 42, 27, 4)
random_weights("features.28.weight", 42, 4608, 4)
