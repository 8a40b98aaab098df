// What clients do to a server by accident or on purpose: the others go on being
// answered. What needs a server in a process of its own is in
// served_process_test.cc.
#include <arpa/inet.h>
#include <grpcpp/client_context.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "clients/cpp/files.h"
#include "gtest/gtest.h"
#include "protos/inference/grpc_service.grpc.pb.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"
#include "protos/nevus/v1/prediction.grpc.pb.h"
#include "tests/integration/served_node.h"

namespace nevus {
namespace {

// A TCP connection without gRPC, closed at the end.
class Connection {
 public:
  explicit Connection(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address;
    std::memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address),
                         sizeof(address)) == 0;
  }
  ~Connection() { close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connected() const { return connected_; }
  // As much of `bytes` as the other side takes.
  void Send(const std::string& bytes) {
    (void)send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // Waits until the other side closes, or sends something.
  void AwaitAnswer() {
    char byte = 0;
    (void)recv(socket_, &byte, 1, 0);
  }

 private:
  const int socket_;
  bool connected_ = false;
};

class ServingFaultsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto files = WritePhotographs(folder_.path(), 30);
    ASSERT_THAT(files, IsOk());
    auto served = ServedNode::Start(*files, "fp32");
    ASSERT_THAT(served, IsOk());
    served_ = *std::move(served);
    image_ = ReadFile(files->front().path, 1 << 20).value();
    ASSERT_THAT(served_->Predict(image_), IsOk());
  }
  int port() const { return served_->node().port(); }
  // The others are still answered.
  void ExpectAnswers() { EXPECT_THAT(served_->Predict(image_), IsOk()); }

  v1::PredictRequest RequestFor(std::string image) {
    v1::PredictRequest request;
    request.set_model("melanoma");
    request.set_alias("production");
    request.set_image(std::move(image));
    return request;
  }

  // Images that came to the queue and were not answered.
  uint64_t CallsWithoutAnswer() {
    inference::ModelStatisticsRequest request;
    request.set_name("melanoma");
    grpc::ClientContext context;
    inference::ModelStatisticsResponse response;
    EXPECT_THAT(
        FromGrpc(inference::GRPCInferenceService::NewStub(served_->Connect())
                     ->ModelStatistics(&context, request, &response)),
        IsOk());
    return response.model_stats(0).inference_stats().fail().count();
  }

  TempDir folder_;
  std::unique_ptr<ServedNode> served_;
  std::string image_;
};

TEST_F(ServingFaultsTest, GarbageOnThePort) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  std::string noise;
  for (uint32_t i = 0, state = 1; i < 100'000; ++i) {
    state = state * 1664525u + 1013904223u;
    noise += static_cast<char>(state >> 24);
  }
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9),  // TLS hello
        std::string(5000, '\0'), noise, preface + noise,
        // A frame of 16 MB that never comes.
        preface + std::string("\xff\xff\xff\x00\x00\x00\x00\x00\x01", 9)}) {
    Connection connection(port());
    ASSERT_TRUE(connection.connected());
    connection.Send(garbage);
    connection.AwaitAnswer();
    ExpectAnswers();
  }
}

TEST_F(ServingFaultsTest, ReadersThatDoNotRead) {
  const auto stub = v1::DatasetService::NewStub(served_->Connect());
  // More than flow control lets through: the server has to wait for us.
  v1::ReadImagesRequest request;
  grpc::ClientContext examples_context;
  v1::ReadExamplesRequest examples;
  examples.set_dataset("skin");
  const auto rows = stub->ReadExamples(&examples_context, examples);
  v1::ReadExamplesResponse some;
  ASSERT_TRUE(rows->Read(&some));
  for (int i = 0; i < 2000; ++i) {
    *request.add_digests() =
        some.examples(i % some.examples_size()).image_digest();
  }
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::ReadImagesResponse>>>
      readers;
  for (int i = 0; i < 50; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(stub->ReadImages(contexts.back().get(), request));
    v1::ReadImagesResponse first;
    ASSERT_TRUE(readers.back()->Read(&first));
  }
  ExpectAnswers();
  for (const auto& context : contexts) context->TryCancel();
  for (const auto& reader : readers) (void)reader->Finish();
  ExpectAnswers();
}

TEST_F(ServingFaultsTest, ClientsThatDieInTheMiddle) {
  for (int i = 0; i < 20; ++i) {
    // Half an import, and a prediction nobody waits for.
    const auto channel = served_->Connect();
    grpc::ClientContext import_context;
    const auto import =
        v1::DatasetService::NewStub(channel)->ImportExamples(&import_context);
    v1::ImportExamplesRequest request;
    import->Write(request);
    import_context.TryCancel();
    (void)import->Finish();

    grpc::ClientContext context;
    SetTimeout(context, absl::Milliseconds(i % 5));
    v1::PredictResponse response;
    (void)v1::PredictionService::NewStub(channel)->Predict(
        &context, RequestFor(image_), &response);
  }
  ExpectAnswers();
}

TEST_F(ServingFaultsTest, ImagesOf64MebibytesAreAnsweredOrRefusedBesideOthers) {
  const size_t most = size_t{64} << 20;
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0}, failed{0};
  std::thread others([&] {
    while (!stop) {
      ++(served_->Predict(image_).ok() ? answered : failed);
    }
  });
  const auto stub = v1::PredictionService::NewStub(served_->Connect());
  const auto ask = [&](std::string image) {
    grpc::ClientContext context;
    SetTimeout(context, absl::Minutes(1));
    v1::PredictResponse response;
    return FromGrpc(
        stub->Predict(&context, RequestFor(std::move(image)), &response));
  };
  // Just fits the message; what follows an image is not read.
  EXPECT_THAT(ask(image_ + std::string(most - 4096 - image_.size(), 'x')),
              IsOk());
  // Begins as an image does.
  EXPECT_THAT(ask(image_.substr(0, image_.size() / 2) +
                  std::string(most - 4096 - image_.size(), '\0')),
              StatusIs(absl::StatusCode::kInvalidArgument, ""));
  EXPECT_THAT(ask(std::string(most - 4096, '\0')),
              StatusIs(absl::StatusCode::kInvalidArgument, ""));
  // gRPC's own refusal.
  EXPECT_THAT(ask(std::string(most + 1, '\0')),
              StatusIs(absl::StatusCode::kResourceExhausted, ""));
  stop = true;
  others.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(answered, 0);
}

TEST_F(ServingFaultsTest, AFullQueueRefusesAndSaysWhenToComeBack) {
  std::atomic<bool> refused{false}, waited{false}, failed{false};
  Mutex mutex;
  std::vector<std::string> others;
  const auto stub = v1::PredictionService::NewStub(served_->Connect());
  std::vector<std::thread> callers;
  // More than the queue has places for (core/batch_queue.h).
  for (int i = 0; i < 100; ++i) {
    callers.emplace_back([&] {
      while (!(refused && waited) && !failed) {
        grpc::ClientContext context;
        SetTimeout(context, absl::Minutes(2));
        v1::PredictResponse response;
        const absl::Status status =
            FromGrpc(stub->Predict(&context, RequestFor(image_), &response));
        const auto& wait = response.queue_wait();
        if (status.ok()) {
          if (wait.seconds() > 0 || wait.nanos() > 0) waited = true;
        } else if (absl::IsResourceExhausted(status) &&
                   ReasonOf(status) == "QUEUE_FULL" &&
                   RetryDelayOf(status) > absl::ZeroDuration()) {
          refused = true;
        } else {
          failed = true;
          MutexLock lock(mutex);
          others.push_back(status.ToString());
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(others, std::vector<std::string>());
  EXPECT_TRUE(refused);
  EXPECT_TRUE(waited);
}

TEST_F(ServingFaultsTest, ACallBehindOthersThatIsCancelledIsNotComputed) {
  const auto stub = v1::PredictionService::NewStub(served_->Connect());
  const auto predict = [&](int priority, grpc::ClientContext& context) {
    SetTimeout(context, absl::Minutes(4));
    v1::PredictRequest request = RequestFor(image_);
    request.set_priority(priority);
    v1::PredictResponse response;
    return FromGrpc(stub->Predict(&context, request, &response));
  };
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0}, failed{0};
  std::vector<std::thread> others;
  for (int i = 0; i < 24; ++i) {
    others.emplace_back([&] {
      while (!stop) {
        grpc::ClientContext context;
        ++(predict(/*priority=*/1, context).ok() ? answered : failed);
      }
    });
  }
  const auto await_answers = [&](int count) {
    const int before = answered;
    while (answered < before + count && failed == 0) std::this_thread::yield();
  };
  // It takes a place in a batch if ever fewer than four of the others wait, and
  // may not have come when it is cancelled: then another try.
  bool left = false;
  for (int attempt = 0; attempt < 20 && !left && failed == 0; ++attempt) {
    const uint64_t failed_before = CallsWithoutAnswer();
    grpc::ClientContext context;
    std::atomic<bool> ended{false};
    std::thread last([&] {
      (void)predict(/*priority=*/0, context);
      ended = true;
    });
    // In order of arrival its turn would come after 24 answers or so.
    await_answers(200);
    const bool overtaken = !ended;
    context.TryCancel();
    last.join();
    await_answers(50);
    left = overtaken && CallsWithoutAnswer() == failed_before + 1;
  }
  stop = true;
  for (std::thread& other : others) other.join();
  EXPECT_EQ(failed, 0);
  EXPECT_TRUE(left);
}

TEST_F(ServingFaultsTest, ShutdownAnswersWhatIsThereAndRefusesTheRest) {
  std::atomic<int> answered{0}, away{0};
  std::vector<std::string> others;
  std::vector<std::thread> callers;
  Mutex mutex;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      const auto stub = v1::PredictionService::NewStub(served_->Connect());
      absl::Status status;
      while (status.ok()) {
        grpc::ClientContext context;
        SetTimeout(context, absl::Minutes(1));
        v1::PredictResponse response;
        status =
            FromGrpc(stub->Predict(&context, RequestFor(image_), &response));
        if (status.ok()) ++answered;
      }
      // Nearly always DRAINING. CANCELLED is gRPC's answer to what comes in the
      // instant in which it closes (services/runtime/running_calls.h).
      if (absl::IsUnavailable(status) || absl::IsCancelled(status)) {
        ++away;
      } else {
        MutexLock lock(mutex);
        others.push_back(status.ToString());
      }
    });
  }
  while (answered < 20) std::this_thread::yield();
  served_->node().Shutdown();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(away, 4);
  EXPECT_EQ(others, std::vector<std::string>());
}

}  // namespace
}  // namespace nevus
