#include "services/runtime/health.h"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace nevus {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using Reader = grpc::ClientReader<HealthCheckResponse>;

class HealthTest : public testing::Test {
 protected:
  HealthTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&health_);
    server_ = builder.BuildAndStart();
    stub_ = grpc::health::v1::Health::NewStub(
        server_->InProcessChannel(grpc::ChannelArguments()));
  }

  // The status as a number, or the error's code below 0.
  int Check(const std::string& service) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    const grpc::Status status = stub_->Check(&context, request, &response);
    return status.ok() ? response.status() : -status.error_code();
  }
  std::unique_ptr<Reader> Watch(grpc::ClientContext& context,
                                const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    return stub_->Watch(&context, request);
  }
  // The next one, or -1 at the end.
  static int Next(Reader& reader) {
    HealthCheckResponse response;
    return reader.Read(&response) ? response.status() : -1;
  }

  Health health_{{"a.B"}};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::health::v1::Health::Stub> stub_;
};

TEST_F(HealthTest, CheckSaysHowEachStands) {
  EXPECT_EQ(Check(""), HealthCheckResponse::SERVING);
  EXPECT_EQ(Check("a.B"), HealthCheckResponse::SERVING);
  EXPECT_EQ(Check("a.C"), -grpc::StatusCode::NOT_FOUND);
  health_.StopServing();
  EXPECT_EQ(Check(""), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Check("a.B"), HealthCheckResponse::NOT_SERVING);
}

TEST_F(HealthTest, WatchTellsEachChangeAndThenTheEnd) {
  grpc::ClientContext known_context, unknown_context;
  const auto known = Watch(known_context, "a.B");
  const auto unknown = Watch(unknown_context, "a.C");
  EXPECT_EQ(Next(*known), HealthCheckResponse::SERVING);
  EXPECT_EQ(Next(*unknown), HealthCheckResponse::SERVICE_UNKNOWN);
  health_.StopServing();
  EXPECT_EQ(Next(*known), HealthCheckResponse::NOT_SERVING);
  health_.EndWatches();
  for (Reader* reader : {known.get(), unknown.get()}) {
    EXPECT_EQ(Next(*reader), -1);
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  grpc::ClientContext late_context;
  const auto late = Watch(late_context, "");
  EXPECT_EQ(Next(*late), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Next(*late), -1);
  (void)late->Finish();
}

// Without a deadline: it returns once nothing runs any more.
TEST_F(HealthTest, AWatcherDoesNotHoldTheServersShutdown) {
  grpc::ClientContext context, gone_context;
  const auto watch = Watch(context, "");
  EXPECT_EQ(Next(*watch), HealthCheckResponse::SERVING);
  const auto gone = Watch(gone_context, "");
  EXPECT_EQ(Next(*gone), HealthCheckResponse::SERVING);
  gone_context.TryCancel();
  (void)gone->Finish();
  health_.EndWatches();
  server_->Shutdown();
  while (Next(*watch) >= 0) {
  }
  EXPECT_FALSE(watch->Finish().ok());
}

}  // namespace
}  // namespace nevus
