// Calls to a peer that never answers end with the work that they belong to.
#include "services/runtime/peer_caller.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/rpc/channel.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/runtime/peer_call.h"
#include "services/runtime/peers.h"
#include "services/testing/hanging_peer.h"

namespace nevus {
namespace {

using ::testing::Each;

class PeerCallerTest : public testing::Test {
 protected:
  PeerCallerTest() : peers_(ServiceAddresses()) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&peer_);
    server_ = builder.BuildAndStart();
    peers_.Host({"scheduler"}, *server_);
    stub_ = v1::JobService::NewStub(peers_.ChannelTo("scheduler"));
  }

  absl::Status Get(PeerCaller caller) {
    return CallPeer(*stub_, &v1::JobService::Stub::GetJob, v1::GetJobRequest(),
                    caller)
        .status();
  }
  absl::Status Watch(PeerCaller caller) {
    const PeerContextPtr context = caller.NewContext();
    const auto reader = stub_->WatchJob(context.get(), v1::WatchJobRequest());
    v1::WatchJobResponse response;
    while (reader->Read(&response)) {
    }
    return caller.ToStatus(reader->Finish());
  }

  // The codes of a call and of a stream that wait when `end` is called.
  std::vector<absl::StatusCode> CodesAtEnd(PeerCalls& calls,
                                           const std::function<void()>& end) {
    absl::Status unary;
    absl::Status stream;
    std::thread first([&] { unary = Get(calls); });
    std::thread second([&] { stream = Watch(calls); });
    peer_.AwaitCalls(2);
    EXPECT_FALSE(PeerCaller(calls).cancelled());
    end();
    first.join();
    second.join();
    return {unary.code(), stream.code()};
  }

  HangingPeer peer_;
  std::unique_ptr<grpc::Server> server_;
  Peers peers_;
  std::unique_ptr<v1::JobService::Stub> stub_;
};

TEST_F(PeerCallerTest, CancelEndsAllCallsThatWait) {
  PeerCalls calls;
  EXPECT_THAT(CodesAtEnd(calls, [&] { calls.Cancel(); }),
              Each(absl::StatusCode::kCancelled));
  EXPECT_TRUE(PeerCaller(calls).cancelled());
}

TEST_F(PeerCallerTest, ACallThatBeginsLaterEndsAtOnce) {
  PeerCalls calls;
  calls.Cancel();
  EXPECT_EQ(Get(calls).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Watch(calls).code(), absl::StatusCode::kCancelled);
}

TEST_F(PeerCallerTest, APeerThatEndsIsUnavailable) {
  PeerCalls calls;
  const auto end = [&] {
    server_->Shutdown(DeadlineAfter(absl::ZeroDuration()));
  };
  EXPECT_THAT(CodesAtEnd(calls, end), Each(absl::StatusCode::kUnavailable));
}

TEST_F(PeerCallerTest, OtherWorkGoesOn) {
  PeerCalls mine;
  PeerCalls others;
  std::thread waiting(
      [&] { EXPECT_EQ(Get(mine).code(), absl::StatusCode::kCancelled); });
  peer_.AwaitCalls(1);
  others.Cancel();
  // One more call through `mine` still reaches the peer.
  std::thread another(
      [&] { EXPECT_EQ(Get(mine).code(), absl::StatusCode::kCancelled); });
  peer_.AwaitCalls(2);
  mine.Cancel();
  waiting.join();
  another.join();
}

}  // namespace
}  // namespace nevus
