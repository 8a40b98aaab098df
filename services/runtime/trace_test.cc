// A traceparent from a client through one service to the next, over real
// channels, with no line of either service about it.
#include "base/trace.h"

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/hosted_service.h"
#include "services/runtime/peer_call.h"
#include "services/runtime/peers.h"
#include "services/runtime/server.h"

namespace nevus {
namespace {

constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpan[] = "00f067aa0ba902b7";

// What a call found: the current trace, and the header that came.
struct Seen {
  std::optional<TraceContext> trace;
  std::string header;
};

Seen See(const grpc::ServerContext& call) {
  Seen seen;
  seen.trace = CurrentTrace();
  const auto header = call.client_metadata().find(kTraceparent);
  if (header != call.client_metadata().end()) {
    seen.header.assign(header->second.data(), header->second.size());
  }
  return seen;
}

// The second: remembers.
class Scheduler final : public HostedService, public v1::JobService::Service {
 public:
  std::vector<grpc::Service*> grpc_services() override { return {this}; }
  grpc::Status GetJob(grpc::ServerContext* call, const v1::GetJobRequest*,
                      v1::Job*) override {
    MutexLock lock(mutex_);
    seen_ = See(*call);
    return grpc::Status::OK;
  }
  Seen seen() const {
    MutexLock lock(mutex_);
    return seen_;
  }

 private:
  mutable Mutex mutex_;
  Seen seen_ ABSL_GUARDED_BY(mutex_);
};

// The first: asks the second.
class Registry final : public HostedService, public v1::ModelService::Service {
 public:
  explicit Registry(const Peers& peers) : peers_(peers) {}
  std::vector<grpc::Service*> grpc_services() override { return {this}; }
  grpc::Status GetModel(grpc::ServerContext* call, const v1::GetModelRequest*,
                        v1::Model*) override {
    const auto stub = v1::JobService::NewStub(peers_.ChannelTo("scheduler"));
    return ToGrpc(CallPeer(*stub, &v1::JobService::Stub::GetJob,
                           v1::GetJobRequest(), call)
                      .status());
  }

 private:
  const Peers& peers_;
};

class TraceTest : public testing::TestWithParam<bool> {
 protected:
  TraceTest() : peers_(ServiceAddresses()) {
    Server::Options options;
    options.listen = "127.0.0.1:0";
    scheduler_server_ =
        Server::Start(options, {{"scheduler", &scheduler_}}).value();
    const std::string address =
        "scheduler=127.0.0.1:" + std::to_string(scheduler_server_->port());
    // In process, or over the network.
    if (GetParam()) {
      peers_.Host({"scheduler"}, scheduler_server_->grpc_server());
    }
    remote_ = std::make_unique<Peers>(ServiceAddresses::Parse(address).value());
    registry_ = std::make_unique<Registry>(GetParam() ? peers_ : *remote_);
    server_ = Server::Start(options, {{"registry", registry_.get()}}).value();
    stub_ = v1::ModelService::NewStub(
        ConnectTo("127.0.0.1:" + std::to_string(server_->port())));
  }

  Seen Ask(const std::string& traceparent) {
    grpc::ClientContext context;
    if (!traceparent.empty()) context.AddMetadata(kTraceparent, traceparent);
    v1::Model model;
    EXPECT_TRUE(stub_->GetModel(&context, v1::GetModelRequest(), &model).ok());
    return scheduler_.seen();
  }

  Peers peers_;
  std::unique_ptr<Peers> remote_;
  Scheduler scheduler_;
  std::unique_ptr<Server> scheduler_server_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::ModelService::Stub> stub_;
};

TEST_P(TraceTest, ATraceGoesOnWithASpanOfItsOwn) {
  const Seen seen = Ask(std::string("00-") + kTraceId + "-" + kSpan + "-01");
  ASSERT_TRUE(seen.trace.has_value());
  EXPECT_EQ(seen.trace->trace_id, kTraceId);
  EXPECT_EQ(seen.trace->flags, "01");
  EXPECT_NE(seen.trace->parent_id, kSpan);
  EXPECT_THAT(seen.header, testing::StartsWith(std::string("00-") + kTraceId));
}

TEST_P(TraceTest, WhatIsNoTraceGoesNowhereAndNothingOfACallIsLeftBehind) {
  Ask(std::string("00-") + kTraceId + "-" + kSpan + "-01");
  for (const char* none : {"", "00-0-0-01", "garbage"}) {
    const Seen seen = Ask(none);
    EXPECT_FALSE(seen.trace.has_value()) << none;
    EXPECT_EQ(seen.header, "") << none;
  }
  EXPECT_FALSE(CurrentTrace().has_value());
}

INSTANTIATE_TEST_SUITE_P(InProcessAndNot, TraceTest, testing::Bool());

}  // namespace
}  // namespace nevus
