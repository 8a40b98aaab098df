// A serving nevusd in a process of its own: how it ends on SIGTERM, and what
// ten thousand connections and killed clients do to it.
#include <arpa/inet.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status_matchers.h"
#include "clients/cpp/files.h"
#include "gtest/gtest.h"
#include "protos/inference/grpc_service.grpc.pb.h"
#include "protos/nevus/v1/prediction.grpc.pb.h"
#include "tests/harness/cluster.h"
#include "tests/harness/process.h"

namespace nevus {
namespace {

using inference::GRPCInferenceService;

constexpr char kNevus[] = "clients/nevus/nevus";
constexpr int kManyImages = 256;  // the most of one request
// Answers of grpc.health.v1.Health.Watch on the wire.
constexpr char kServing[] = "\x8\x1";
constexpr char kNotServing[] = "\x8\x2";

// A stream of what health says of a service. Debian ships no stubs for it.
class HealthWatch {
 public:
  HealthWatch(const std::shared_ptr<grpc::Channel>& channel,
              const std::string& service)
      : stub_(channel) {
    call_ =
        stub_.PrepareCall(&context_, "/grpc.health.v1.Health/Watch", &queue_);
    call_->StartCall(nullptr);
    Await();
    grpc::Slice request(
        "\xa" + std::string(1, static_cast<char>(service.size())) + service);
    call_->WriteLast(grpc::ByteBuffer(&request, 1), grpc::WriteOptions(),
                     nullptr);
    Await();
  }
  ~HealthWatch() {
    context_.TryCancel();
    grpc::Status status;
    call_->Finish(&status, nullptr);
    Await();
    queue_.Shutdown();
    while (Await()) {
    }
  }
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  // Waits for the next one.
  std::string Next() {
    grpc::ByteBuffer answer;
    call_->Read(&answer, nullptr);
    grpc::Slice bytes;
    if (!Await() || !answer.DumpToSingleSlice(&bytes).ok()) return "ended";
    return std::string(bytes.begin(), bytes.end());
  }

 private:
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

class ServedProcessTest : public testing::Test {
 protected:
  // A server with melanoma@production, a VGG16 that takes some milliseconds.
  void Serve(const std::string& drain, std::vector<std::string> flags = {}) {
    flags.push_back("--drain=" + drain);
    flags.push_back("--threads=1");
    auto started = Cluster::Start(Topology::kOneProcess, "", flags);
    ASSERT_THAT(started, IsOk());
    cluster_ = *std::move(started);
    folder_ = cluster_->File("made");
    const std::string kinds[] = {"--train", "0.6", "--validation", "0.4"};
    cluster_->CliJson(
        {"dataset", "generate", folder_, "--count", "40", "--size", "96"});
    cluster_->CliJson({"dataset", "import", "skin", "--images",
                       folder_ + "/images", "--labels", folder_ + "/labels.csv",
                       "--label-column", "label"});
    cluster_->CliJson({"dataset", "split", "skin", kinds[0], kinds[1], kinds[2],
                       kinds[3], "--test", "0", "--seed", "1"});
    cluster_->CliJson({"dataset", "seal", "skin"});
    cluster_->CliJson({"backbone", "import", "vgg16", "--arch", "vgg16",
                       "--weights", "random:0", "--input-size", "96"});
    cluster_->CliJson({"extract", "skin@1", "--backbone", "vgg16",
                       "--precision", "fp32", "--wait"});
    cluster_->CliJson({"train", "skin@1", "--backbone", "vgg16", "--precision",
                       "fp32", "--model", "melanoma", "--positive", "melanoma",
                       "--wait"});
    cluster_->CliJson(
        {"model", "promote", "melanoma@1", "--alias", "production"});
    for (const auto& entry :
         std::filesystem::directory_iterator(folder_ + "/images")) {
      image_ = ReadFile(entry.path().string(), 1 << 20).value();
    }
    ASSERT_THAT(Predict(), IsOk());
  }

  std::shared_ptr<grpc::Channel> Connect() const {
    grpc::ChannelArguments arguments = ChannelArguments();
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(
        cluster_->server(), grpc::InsecureChannelCredentials(), arguments);
  }
  int port() const {
    int port = 0;
    const std::string& server = cluster_->server();
    EXPECT_TRUE(absl::SimpleAtoi(server.substr(server.rfind(':') + 1), &port));
    return port;
  }

  absl::Status Predict() {
    grpc::ClientContext context;
    SetTimeout(context, absl::Minutes(1));
    v1::PredictRequest request;
    request.set_model("melanoma");
    request.set_alias("production");
    request.set_image(image_);
    v1::PredictResponse response;
    return FromGrpc(v1::PredictionService::NewStub(Connect())->Predict(
        &context, request, &response));
  }

  // One call that takes long: many images, a batch after the other.
  absl::Status InferMany(inference::ModelInferResponse& response) {
    grpc::ClientContext context;
    SetTimeout(context, absl::Minutes(2));
    inference::ModelInferRequest request;
    request.set_model_name("melanoma");
    auto& input = *request.add_inputs();
    input.set_name("image");
    input.set_datatype("BYTES");
    input.add_shape(kManyImages);
    for (int i = 0; i < kManyImages; ++i) {
      input.mutable_contents()->add_bytes_contents(image_);
    }
    return FromGrpc(GRPCInferenceService::NewStub(Connect())->ModelInfer(
        &context, request, &response));
  }

  // Batches that the model has computed.
  uint64_t Batches() {
    grpc::ClientContext context;
    inference::ModelStatisticsRequest request;
    request.set_name("melanoma");
    inference::ModelStatisticsResponse response;
    EXPECT_THAT(
        FromGrpc(GRPCInferenceService::NewStub(Connect())->ModelStatistics(
            &context, request, &response)),
        IsOk());
    return response.model_stats_size() == 0
               ? 0
               : response.model_stats(0).execution_count();
  }
  // Until the server computes something new.
  void AwaitBatchAfter(uint64_t before) {
    while (Batches() <= before) std::this_thread::yield();
  }

  // Of --isolate_workers, as the log names them.
  std::vector<pid_t> WorkerPids() {
    std::vector<pid_t> pids;
    std::istringstream log(cluster_->LogOf("all"));
    for (std::string word; log >> word;) {
      if (word != "worker.process_started") continue;
      std::string worker, pid;
      log >> worker >> pid;
      pids.push_back(std::stoi(pid.substr(pid.find('=') + 1)));
    }
    return pids;
  }

  std::unique_ptr<Cluster> cluster_;
  std::string folder_;
  std::string image_;
};

TEST_F(ServedProcessTest, SigtermHealthFirstThenAnswersThenTheEnd) {
  // Longer than this test may take: nothing here is to last so long, least of
  // all those who watch its health.
  Serve(/*drain=*/"1h");
  HealthWatch watch(Connect(), "nevus.v1.PredictionService");
  EXPECT_EQ(watch.Next(), kServing);
  HealthWatch inference(Connect(), "inference.GRPCInferenceService");
  EXPECT_EQ(inference.Next(), kServing);
  const uint64_t before = Batches();
  std::atomic<bool> answered{false};
  absl::Status status;
  inference::ModelInferResponse response;
  std::thread caller([&] {
    status = InferMany(response);
    answered = true;
  });
  AwaitBatchAfter(before);
  absl::Status stopped;
  std::thread stop([&] { stopped = cluster_->Stop(); });
  EXPECT_EQ(watch.Next(), kNotServing);
  EXPECT_EQ(inference.Next(), kNotServing);
  EXPECT_FALSE(answered) << "the call was to be under way still";
  // New calls are refused before or after that call ends.
  absl::Status late;
  while (late.ok()) late = Predict();
  EXPECT_THAT(late, StatusIs(absl::StatusCode::kUnavailable, ""));
  caller.join();
  EXPECT_THAT(status, IsOk());
  ASSERT_GT(response.outputs_size(), 0) << cluster_->Logs();
  EXPECT_EQ(response.outputs(0).contents().fp32_contents_size(), kManyImages);
  stop.join();
  EXPECT_THAT(stopped, IsOk()) << "an exit code other than 0";
  EXPECT_EQ(watch.Next(), "ended");
}

TEST_F(ServedProcessTest, WhatIsLeftAfterDrainIsCancelled) {
  Serve(/*drain=*/"0s");
  const uint64_t before = Batches();
  absl::Status status;
  std::thread caller([&] {
    inference::ModelInferResponse response;
    status = InferMany(response);
  });
  AwaitBatchAfter(before);
  EXPECT_THAT(cluster_->Stop(), IsOk());
  caller.join();
  EXPECT_TRUE(absl::IsCancelled(status) || absl::IsUnavailable(status))
      << status;
}

TEST_F(ServedProcessTest, KilledClientsTakeNothingAlong) {
  Serve(/*drain=*/"20s");
  for (int i = 0; i < 5; ++i) {
    const uint64_t before = Batches();
    auto client =
        Process::Start({kNevus, "classify", folder_ + "/images", "--model",
                        "melanoma@production", "--in-flight", "64", "--server",
                        cluster_->server()},
                       cluster_->File("killed.log"));
    ASSERT_THAT(client, IsOk());
    AwaitBatchAfter(before);
    (*client)->End(SIGKILL);
    EXPECT_THAT(Predict(), IsOk());
  }
  EXPECT_EQ(cluster_->Ended(), std::vector<std::string>());
}

// SIGKILL is what the kernel sends when memory is short, to workers first.
TEST_F(ServedProcessTest, WorkersThatDieOfMemoryTakeNoAnswersAlong) {
  Serve(/*drain=*/"20s", {"--isolate_workers"});
  const std::vector<pid_t> workers = WorkerPids();
  ASSERT_EQ(workers.size(), 3u) << cluster_->Logs();
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0}, failed{0};
  std::thread others([&] {
    while (!stop) ++(Predict().ok() ? answered : failed);
  });
  for (const pid_t worker : workers) {
    EXPECT_EQ(kill(worker, SIGKILL), 0);
    for (const int before = answered; answered < before + 3 && failed == 0;) {
      std::this_thread::yield();
    }
  }
  // Others took their place.
  cluster_->CliJson({"extract", "skin@1", "--backbone", "vgg16", "--cut",
                     "block1_pool", "--precision", "fp32", "--wait"});
  stop = true;
  others.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(cluster_->Ended(), std::vector<std::string>());
}

// gRPC connections without a call on them, closed at the end.
class IdleConnections {
 public:
  IdleConnections() = default;
  ~IdleConnections() {
    for (const int connection : sockets_) close(connection);
  }
  IdleConnections(const IdleConnections&) = delete;
  IdleConnections& operator=(const IdleConnections&) = delete;

  bool Add(int port) {
    sockets_.push_back(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address;
    std::memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    if (connect(sockets_.back(), reinterpret_cast<sockaddr*>(&address),
                sizeof(address)) != 0) {
      return false;
    }
    // RFC 9113: the client's preface with an empty SETTINGS frame; the server
    // answers with its own. A frame begins with its length, 3 bytes, and type.
    const std::string preface(
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        "\0\0\0\4\0\0\0\0\0",
        24 + 9);
    char frame[9] = {};
    return send(sockets_.back(), preface.data(), preface.size(),
                MSG_NOSIGNAL) == static_cast<ssize_t>(preface.size()) &&
           recv(sockets_.back(), frame, sizeof(frame), MSG_WAITALL) ==
               static_cast<ssize_t>(sizeof(frame)) &&
           frame[3] == 4;
  }

 private:
  std::vector<int> sockets_;
};

TEST_F(ServedProcessTest, TenThousandIdleConnections) {
  rlimit files;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  // The server begins with what a shell gives, and has to ask for more.
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 1024);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  Serve(/*drain=*/"20s");
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  ASSERT_GE(files.rlim_max, 1500u) << "too few files may be open: ulimit -Hn";
  // What the server needs besides is far below 500.
  const int count =
      static_cast<int>(std::min<rlim_t>(10'000, files.rlim_max - 500));
  std::cout << count << " idle connections; the hard limit of open files is "
            << files.rlim_max << "\n";
  RecordProperty("idle_connections", count);
  IdleConnections idle;
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(idle.Add(port())) << i;
    if (i % 1000 == 999) {
      ASSERT_THAT(Predict(), IsOk()) << i;
    }
  }
  EXPECT_THAT(Predict(), IsOk());
}

}  // namespace
}  // namespace nevus
