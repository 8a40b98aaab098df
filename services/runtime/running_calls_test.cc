// Calls are counted from their beginning to their end, and waited for.
#include "services/runtime/running_calls.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/testing/hanging_peer.h"

namespace nevus {
namespace {

class RunningCallsTest : public testing::Test {
 protected:
  RunningCallsTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&peer_);
    std::vector<
        std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
        interceptors;
    interceptors.push_back(calls_.NewCounter());
    builder.experimental().SetInterceptorCreators(std::move(interceptors));
    server_ = builder.BuildAndStart();
    stub_ = v1::JobService::NewStub(server_->InProcessChannel({}));
  }

  void Hang(grpc::ClientContext& context) {
    v1::Job job;
    EXPECT_EQ(stub_->GetJob(&context, v1::GetJobRequest(), &job).error_code(),
              grpc::StatusCode::CANCELLED);
  }

  RunningCalls calls_;  // first: outlives the server
  HangingPeer peer_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::JobService::Stub> stub_;
};

TEST_F(RunningCallsTest, IsQuietBeforeAndAfterACallButNotDuringIt) {
  EXPECT_TRUE(calls_.AwaitQuiet(absl::Milliseconds(1), absl::Hours(1)));
  grpc::ClientContext context;
  std::thread caller([&] { Hang(context); });
  peer_.AwaitCalls(1);
  EXPECT_FALSE(
      calls_.AwaitQuiet(absl::Milliseconds(1), absl::Milliseconds(20)));
  context.TryCancel();
  // The call ends at some time after it.
  EXPECT_TRUE(calls_.AwaitQuiet(absl::Milliseconds(1), absl::Hours(1)));
  caller.join();
}

TEST_F(RunningCallsTest, ALimitThatIsShorterThanQuietIsKept) {
  EXPECT_FALSE(calls_.AwaitQuiet(absl::Hours(1), absl::Milliseconds(1)));
  EXPECT_FALSE(calls_.AwaitQuiet(absl::Hours(1), absl::ZeroDuration()));
}

}  // namespace
}  // namespace nevus
