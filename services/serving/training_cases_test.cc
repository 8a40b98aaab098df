// Who waits for the training cases, and for how long. What is found among them:
// serving_test.cc and compute/explanation/nearest_test.cc.
#include "services/serving/training_cases.h"

#include <grpcpp/server_builder.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"
#include "protos/nevus/v1/prediction.grpc.pb.h"
#include "services/runtime/peers.h"

namespace nevus {
namespace {

// A dataset that is not read before `release`, and then is not there.
class SlowDataset final : public v1::DatasetService::Service {
 public:
  grpc::Status ReadExamples(
      grpc::ServerContext*, const v1::ReadExamplesRequest*,
      grpc::ServerWriter<v1::ReadExamplesResponse>*) override {
    begun.Stop();
    release.WaitFor(absl::Hours(1));
    return ToGrpc(absl::NotFoundError("no such dataset"));
  }

  StopSignal begun, release;
};

// Asks for the cases on behalf of its calls.
class Asking final : public v1::PredictionService::Service {
 public:
  explicit Asking(const Peers& peers) : peers_(peers) {}

  grpc::Status Predict(grpc::ServerContext* context, const v1::PredictRequest*,
                       v1::PredictResponse*) override {
    if (++calls_ == 2) second.Stop();
    const float feature = 0;
    v1::Model model;
    model.mutable_lineage()->set_dataset("isic");
    model.mutable_lineage()->set_dataset_version(1);
    const absl::Status status =
        cases_.Nearest(peers_, model, &feature, 1, *context).status();
    if (context->IsCancelled()) {
      left_status = status;
      left.Stop();
    }
    return ToGrpc(status);
  }

  StopSignal second;         // call has come
  StopSignal left;           // by a call that was cancelled
  absl::Status left_status;  // read after `left`

 private:
  const Peers& peers_;
  std::atomic<int> calls_{0};
  TrainingCases cases_;
};

TEST(TrainingCasesTest, ACallThatEndsDoesNotWaitForWhoReads) {
  Peers peers((ServiceAddresses()));
  SlowDataset dataset;
  Asking asking(peers);
  grpc::ServerBuilder builder;
  builder.RegisterService(&dataset);
  builder.RegisterService(&asking);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  peers.Host(ServiceNames(), *server);
  const auto stub = v1::PredictionService::NewStub(peers.ChannelTo("serving"));
  const auto ask = [&](grpc::ClientContext& context) {
    v1::PredictResponse response;
    return FromGrpc(stub->Predict(&context, v1::PredictRequest(), &response));
  };

  absl::Status reader_status;
  std::thread reader([&] {
    grpc::ClientContext context;
    reader_status = ask(context);
  });
  dataset.begun.WaitFor(absl::Hours(1));
  grpc::ClientContext late;
  std::thread waiter([&] {
    EXPECT_THAT(ask(late), StatusIs(absl::StatusCode::kCancelled, ""));
  });
  asking.second.WaitFor(absl::Hours(1));
  late.TryCancel();
  waiter.join();
  // The dataset is still being read.
  ASSERT_TRUE(asking.left.WaitFor(absl::Hours(1)));
  EXPECT_THAT(asking.left_status,
              StatusIs(absl::StatusCode::kDeadlineExceeded, "Ask again"));

  dataset.release.Stop();
  reader.join();
  EXPECT_THAT(reader_status,
              StatusIs(absl::StatusCode::kNotFound, "no such dataset"));
  // And another call tries again.
  grpc::ClientContext again;
  EXPECT_THAT(ask(again),
              StatusIs(absl::StatusCode::kNotFound, "no such dataset"));
  server->Shutdown();
}

}  // namespace
}  // namespace nevus
