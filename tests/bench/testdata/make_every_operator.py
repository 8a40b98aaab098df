"""Makes every_operator.onnx with Debian's python3-onnx 1.12.0, independently of our writer.

    python3 tests/bench/testdata/make_every_operator.py tests/bench/testdata/every_operator.onnx

The network and its weights are those of onnx_file_test.cc; the order of
attributes, which ONNX leaves open, is our writer's.
"""

import sys

import numpy
import onnx
from onnx import TensorProto, helper


def node(op, inputs, output, attributes=()):
    made = helper.make_node(op, inputs, [output], name=output)
    made.attribute.extend(helper.make_attribute(key, value) for key, value in attributes)
    return made


def window(side, stride, pads):
    return [("kernel_shape", [side, side]), ("strides", [stride, stride]), ("pads", pads)]


def tensor(name, shape, first):
    count = 1
    for size in shape:
        count *= size
    values = [first + 0.5 * i for i in range(count)]
    made = helper.make_tensor(name, TensorProto.FLOAT, shape, values)
    del made.float_data[:]
    made.raw_data = numpy.array(values, "<f4").tobytes()
    return made


graph = helper.make_graph(
    [
        # "Same" on 6 pixels with stride 2: one row and one column, behind.
        node("Conv", ["image", "first.weight", "first.bias"], "first.linear",
             window(3, 2, [0, 0, 1, 1]) + [("group", 1)]),
        node("Relu", ["first.linear"], "first"),
        node("MaxPool", ["first"], "pool", window(2, 1, [0, 0, 0, 0])),
        node("AveragePool", ["pool"], "mean",
             window(3, 1, [1, 1, 1, 1]) + [("count_include_pad", 0)]),
        node("Conv", ["pool", "each.weight", "each.bias"], "each.product",
             window(1, 1, [0, 0, 0, 0]) + [("group", 2)]),
        node("Add", ["each.product", "mean"], "each.linear"),
        node("Relu", ["each.linear"], "each"),
        node("Add", ["each", "pool"], "sum"),
        node("Relu", ["sum"], "positive"),
        node("Concat", ["positive", "mean"], "joined", [("axis", 1)]),
        node("ReduceMean", ["joined"], "feature", [("axes", [2, 3]), ("keepdims", 0)]),
    ],
    "nevus",
    [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 6, 6])],
    [helper.make_tensor_value_info("feature", TensorProto.FLOAT, ["batch", 4])],
    [
        tensor("first.weight", [2, 3, 3, 3], -9.0),
        tensor("first.bias", [2], 1.0),
        tensor("each.weight", [2, 1, 1, 1], 2.0),
        tensor("each.bias", [2], -3.0),
    ],
)
model = helper.make_model(graph, producer_name="nevus",
                          opset_imports=[helper.make_opsetid("", 13)])
model.ir_version = 7
onnx.checker.check_model(model, full_check=True)
with open(sys.argv[1], "wb") as file:
    file.write(model.SerializeToString(deterministic=True))
