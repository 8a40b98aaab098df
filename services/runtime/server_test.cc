// A server that ends lets its services answer a little longer.
#include "services/runtime/server.h"

#include <grpcpp/client_context.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "protos/grpc/health/v1/health.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/hosted_service.h"
#include "services/testing/hanging_peer.h"

namespace nevus {
namespace {

// Jobs that hang; models that are refused, as a service does that drains.
class Draining final : public HostedService, public v1::ModelService::Service {
 public:
  std::vector<grpc::Service*> grpc_services() override {
    return {this, &jobs_};
  }
  grpc::Status GetModel(grpc::ServerContext*, const v1::GetModelRequest*,
                        v1::Model*) override {
    return ToGrpc(WithReason(absl::UnavailableError("drains"), "DRAINING"));
  }
  HangingPeer& jobs() { return jobs_; }

 private:
  HangingPeer jobs_;
};

TEST(ServerTest, WhileACallRunsANewOneIsAnsweredByItsService) {
  Draining service;
  Server::Options options;
  options.listen = "127.0.0.1:0";
  auto server = Server::Start(options, {{"scheduler", &service}});
  ASSERT_THAT(server, IsOk());
  const auto channel =
      ConnectTo("127.0.0.1:" + std::to_string((*server)->port()));

  grpc::ClientContext running;
  std::thread caller([&] {
    v1::Job job;
    (void)v1::JobService::NewStub(channel)->GetJob(&running,
                                                   v1::GetJobRequest(), &job);
  });
  service.jobs().AwaitCalls(1);
  grpc::ClientContext watching;
  const auto watch = grpc::health::v1::Health::NewStub(channel)->Watch(
      &watching, grpc::health::v1::HealthCheckRequest());
  grpc::health::v1::HealthCheckResponse health;
  ASSERT_TRUE(watch->Read(&health));

  std::thread stop([&] { (*server)->Shutdown(absl::Hours(1)); });
  while (watch->Read(&health)) {
  }
  // It ends: gRPC would answer this call, or cut it off.
  grpc::ClientContext late;
  v1::Model model;
  const absl::Status refused =
      FromGrpc(v1::ModelService::NewStub(channel)->GetModel(
          &late, v1::GetModelRequest(), &model));
  EXPECT_EQ(ReasonOf(refused), "DRAINING") << refused;
  running.TryCancel();
  stop.join();
  caller.join();
  (void)watch->Finish();
}

}  // namespace
}  // namespace nevus
