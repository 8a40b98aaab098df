"""Features of every network by other programs, for compute/backbone/reference_test.cc.

    apt-get install python3-torchvision
    /usr/bin/python3 compute/backbone/testing/reference/make_features.py

Writes compute/backbone/testdata/reference/*.f32 (little-endian floats) and the names and
shapes of torchvision's state_dicts, testdata/*_order.txt. Nothing here comes from the code
under test: the networks are torchvision's, in double precision; those of Keras are
torchvision's changed where Keras's source differs, and Xception is written out from the paper
and from the layers that Keras publishes. Weights and image are drawn as random_weights.h and
testing/weight_files.cc say.
"""

import hashlib
import os

import numpy as np
import torch
import torchvision
from torch.nn import functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
TESTDATA = os.path.join(HERE, "..", "..", "testdata")
SEED = 42
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def standard_normal(name, count):
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") ^ SEED
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + GOLDEN * np.arange(1, 3 * count + 1, dtype=np.uint64)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        z = z ^ z >> np.uint64(31)
    parts = z.view("<u2").reshape(count, 12).astype(np.int64)
    return ((parts.sum(1) - 393210) / 65536).astype(np.float32)


def tensor(name, shape, base, factor):
    values = np.float32(base) + standard_normal(name, int(np.prod(shape))) * np.float32(factor)
    return torch.from_numpy(values.reshape(shape).astype(np.float64))


def kernel(name, shape, relu):
    return tensor(name, shape, 0, np.sqrt((2.0 if relu else 1.0) / np.prod(shape[1:])))


def scale(name, channels):
    return tensor(name, (channels,), 1, 0.125)


def shift(name, channels):
    return tensor(name, (channels,), 0, 0.125)


def planes(size):
    bits = np.random.MT19937()
    bits._legacy_seeding(20240229)
    draws = bits.random_raw(3 * size * size).astype(np.float64)
    values = np.floor(draws / 256) * 2.0**-22 - 2
    return torch.from_numpy(values.reshape(1, 3, size, size))


def write(name, activations):
    values = np.concatenate([np.asarray(a, dtype="<f4").ravel() for a in activations])
    values.tofile(os.path.join(TESTDATA, "reference", name + ".f32"))
    print(name, values.size)


def fill(model, relu_behind):
    """Random values for every tensor of a torchvision model."""
    norms = {name for name, module in model.named_modules()
             if isinstance(module, torch.nn.BatchNorm2d)}
    for name, value in model.state_dict().items():
        module = name.rsplit(".", 1)[0]
        channels = value.shape[0] if value.dim() else 0
        if name.endswith("num_batches_tracked"):
            continue
        if value.dim() == 4:
            new = kernel(name, tuple(value.shape), relu_behind(module))
        elif module in norms and name.endswith(("weight", "running_var")):
            new = scale(name, channels)
        elif module in norms or (norms and "conv" in module):
            new = shift(name, channels)
        else:
            new = torch.zeros_like(value)
        value.copy_(new)


def averages(model, layers, x):
    """The channels' averages behind each of the named modules, and the last's output."""
    outputs = {}
    hooks = [model.get_submodule(layer).register_forward_hook(
        lambda module, inputs, output, layer=layer: outputs.__setitem__(layer, output.clone()))
        for layer in layers]
    model(x)
    for hook in hooks:
        hook.remove()
    return [outputs[layer][0].mean((1, 2)) for layer in layers[:-1]] + [outputs[layers[-1]][0]]


def order(name, model, trunk):
    with open(os.path.join(TESTDATA, name + "_order.txt"), "w") as file:
        for key, value in model.state_dict().items():
            if trunk(key) and not key.endswith("num_batches_tracked"):
                file.write(f"{key} [{','.join(str(size) for size in value.shape)}]\n")


def vgg16():
    model = torchvision.models.vgg16().double().eval()
    order("vgg16", model, lambda key: key.startswith("features"))
    fill(model, lambda module: True)
    write("torchvision_vgg16_49", averages(model, ["features.9", "features.30"], planes(49)))


def squeezenet1_1():
    model = torchvision.models.squeezenet1_1().double().eval()
    order("squeezenet1_1", model, lambda key: key.startswith("features"))
    fill(model, lambda module: True)
    layers = ["features.2", "features.4", "features.5", "features.8", "features.12"]
    write("torchvision_squeezenet1_1_50", averages(model, layers, planes(50)))


def resnet50(keras):
    model = torchvision.models.resnet50().double().eval()
    if not keras:
        order("resnet50", model, lambda key: not key.startswith("fc"))
    if keras:
        # keras/applications/resnet.py: block1 strides in its first convolution, every
        # convolution has a bias, epsilon is 1.001e-5.
        for stage in (model.layer2, model.layer3, model.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
        for module in model.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.bias = torch.nn.Parameter(torch.zeros(module.out_channels).double())
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eps = 1.001e-5
        # A bias of torchvision's "downsample.0" is one of a convolution too.
    with torch.no_grad():
        fill(model, lambda module: not module.endswith(("conv3", "downsample.0")))
        if keras:
            for name, module in model.named_modules():
                if isinstance(module, torch.nn.Conv2d):
                    module.bias.copy_(shift(name + ".bias", module.out_channels))
        layers = ["maxpool", "layer1.0", "layer2.0", "layer3.5", "layer4"]
        write(("keras" if keras else "torchvision") + "_resnet50_97",
              averages(model, layers, planes(97)))


def inception_v3(keras):
    model = torchvision.models.inception_v3(init_weights=False).double().eval()
    if not keras:
        order("inception_v3", model, lambda key: not key.startswith(("fc", "AuxLogits")))
    pool = F.avg_pool2d
    with torch.no_grad():
        fill(model, lambda module: True)
        if keras:
            # keras/applications/inception_v3.py: no scale in a batch normalisation, and
            # average pools with padding="same", which TensorFlow does not count.
            for module in model.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.weight.fill_(1)
            torchvision.models.inception.F.avg_pool2d = (
                lambda x, **options: pool(x, count_include_pad=False, **options))
        layers = ["maxpool2", "Mixed_5b", "Mixed_6a", "Mixed_6e", "Mixed_7a", "Mixed_7c"]
        write(("keras" if keras else "torchvision") + "_inception_v3_107",
              averages(model, layers, planes(107)))
        torchvision.models.inception.F.avg_pool2d = pool


def xception(size):
    """keras/applications/xception.py, after Chollet's figure 5."""

    def norm(x, name):
        channels = x.shape[1]
        return F.batch_norm(x, shift(name + "/moving_mean", channels),
                            scale(name + "/moving_variance", channels),
                            scale(name + "/gamma", channels), shift(name + "/beta", channels),
                            eps=1e-3)

    def conv(x, name, channels, window, stride, relu):
        weight = kernel(name + "/kernel", (channels, x.shape[1], window, window), relu)
        return norm(F.conv2d(x, weight, stride=stride), name + "_bn")

    def sepconv(x, name, channels, relu):
        depthwise = kernel(name + "/depthwise_kernel", (x.shape[1], 1, 3, 3), False)
        pointwise = kernel(name + "/pointwise_kernel", (channels, x.shape[1], 1, 1), relu)
        x = F.conv2d(x, depthwise, padding=1, groups=x.shape[1])
        return norm(F.conv2d(x, pointwise), name + "_bn")

    def same_max_pool(x):
        # TensorFlow's "same": of what is missing the smaller half goes before.
        missing = max((-(-x.shape[2] // 2) - 1) * 2 + 3 - x.shape[2], 0)
        before, after = missing // 2, missing - missing // 2
        return F.max_pool2d(F.pad(x, (before, after, before, after), value=-np.inf), 3, 2)

    features = []
    x = F.relu(conv(planes(size), "block1_conv1", 32, 3, 2, True))
    x = F.relu(conv(x, "block1_conv2", 64, 3, 1, True))
    features.append(x)
    for block, middle, channels in ((2, 128, 128), (3, 256, 256), (4, 728, 728)):
        residual = conv(x, f"block{block}_residual", channels, 1, 2, False)
        if block > 2:
            x = F.relu(x)
        x = F.relu(sepconv(x, f"block{block}_sepconv1", middle, True))
        x = sepconv(x, f"block{block}_sepconv2", channels, False)
        x = same_max_pool(x) + residual
        features.append(x)
    for block in range(5, 13):
        residual = x
        for i in (1, 2, 3):
            x = sepconv(F.relu(x), f"block{block}_sepconv{i}", 728, i < 3)
        x = x + residual
    features.append(x)
    residual = conv(x, "block13_residual", 1024, 1, 2, False)
    x = F.relu(sepconv(F.relu(x), "block13_sepconv1", 728, True))
    x = same_max_pool(sepconv(x, "block13_sepconv2", 1024, False)) + residual
    features.append(x)
    x = F.relu(sepconv(x, "block14_sepconv1", 1536, True))
    x = F.relu(sepconv(x, "block14_sepconv2", 2048, True))
    write(f"keras_xception_{size}", [f[0].mean((1, 2)) for f in features] + [x[0]])


os.makedirs(os.path.join(TESTDATA, "reference"), exist_ok=True)
with torch.no_grad():
    vgg16()
    squeezenet1_1()
    for keras in (False, True):
        resnet50(keras)
        inception_v3(keras)
    for size in (75, 110):
        xception(size)
