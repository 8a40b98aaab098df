"""A thin Python client of Nevus: an image goes in, a prediction comes out.

    client = Client("127.0.0.1:7700")
    answer = client.predict(open("photo.jpg", "rb").read(), "melanoma@production")
    print(answer.probability, answer.decision, answer.model)

It adds to the generated stubs what every caller would write again: errors with
their reason, retries where the server asks for one, and many requests in flight.
Everything else of the API is reached through the stubs themselves, on
`client.channel`. Needs python3-grpcio and the stubs that `generate` makes.
"""

import collections
import concurrent.futures
import time

import grpc
from protos.google.rpc import status_pb2
from protos.nevus.v1 import prediction_pb2
from protos.nevus.v1 import prediction_pb2_grpc

# What the server accepts (docs/api.md).
MAX_MESSAGE_BYTES = 64 << 20


class NevusError(Exception):
    """A call that failed.

    code: the gRPC status code. reason: stable, such as "QUEUE_FULL"; "" if the
    error is not the server's. metadata: the values that the message names.
    retry_delay: seconds after which a plain retry may succeed; None: it cannot.
    """

    def __init__(self, error):
        super().__init__(error.details())
        self.code = error.code()
        self.reason = ""
        self.metadata = {}
        self.retry_delay = None
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                self._read(status_pb2.Status.FromString(value))

    def _read(self, status):
        for detail in status.details:
            info = status_pb2.ErrorInfo()
            retry = status_pb2.RetryInfo()
            if detail.Unpack(info):
                self.reason = info.reason
                self.metadata = dict(info.metadata)
            elif detail.Unpack(retry):
                self.retry_delay = retry.retry_delay.ToTimedelta().total_seconds()


def _reference(request, model):
    """Sets "melanoma@production" or "melanoma@3"."""
    name, at, version = model.partition("@")
    if not at or not version:
        raise ValueError(
            f"model {model!r} names no version; write melanoma@3 or "
            "melanoma@production")
    request.model = name
    if version.isdigit():
        request.version = int(version)
    else:
        request.alias = version


class Client:
    """A connection. Thread-safe."""

    def __init__(self, address="127.0.0.1:7700"):
        self.channel = grpc.insecure_channel(address, options=[
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ])
        self._stub = prediction_pb2_grpc.PredictionServiceStub(self.channel)

    def predict(self, image, model, *, operating_point="", priority=0,
                timeout=60.0):
        """The PredictResponse for the bytes of one JPEG or PNG file.

        Send the file as it is: neither resized nor normalised. While the server
        says that its queue is full it is asked again, for `timeout` seconds in
        all. Raises NevusError.
        """
        request = prediction_pb2.PredictRequest(
            image=image, operating_point=operating_point, priority=priority)
        _reference(request, model)
        end = time.monotonic() + timeout
        while True:
            try:
                return self._stub.Predict(
                    request, timeout=max(0.001, end - time.monotonic()))
            except grpc.RpcError as error:
                failure = NevusError(error)
            delay = failure.retry_delay
            if (failure.reason != "QUEUE_FULL" or delay is None or
                    time.monotonic() + delay >= end):
                raise failure
            time.sleep(delay)

    def predict_all(self, images, model, *, in_flight=8, **options):
        """Yields a PredictResponse or NevusError for each of `images`, in order.

        `images` is read as answers come, so it may be as long as one likes; at
        most `in_flight` requests are under way.
        """
        def ask(image):
            try:
                return self.predict(image, model, **options)
            except NevusError as error:
                return error

        with concurrent.futures.ThreadPoolExecutor(in_flight) as pool:
            under_way = collections.deque()
            for image in images:
                under_way.append(pool.submit(ask, image))
                if len(under_way) == in_flight:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()

    def close(self):
        self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
