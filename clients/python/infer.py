"""The same over the Open Inference Protocol: infer.py ADDRESS MODEL FILE..."""
import sys

import grpc
from protos.inference import grpc_service_pb2 as v2
from protos.inference import grpc_service_pb2_grpc as v2_grpc

address, model, *paths = sys.argv[1:]
request = v2.ModelInferRequest(model_name=model)
tensor = request.inputs.add(name="image", datatype="BYTES", shape=[len(paths)])
for path in paths:
    tensor.contents.bytes_contents.append(open(path, "rb").read())
stub = v2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(address))
for output in stub.ModelInfer(request).outputs:
    print(output.name, output.contents.fp32_contents or
          output.contents.bytes_contents or output.contents.bool_contents)
