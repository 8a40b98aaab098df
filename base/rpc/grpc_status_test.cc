#include "base/rpc/grpc_status.h"

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(GrpcStatusTest, ReasonMetadataAndDelaySurviveTheWire) {
  const absl::Status sent = WithRetryDelay(
      WithReason(absl::ResourceExhaustedError("queue holds 64 of 64"),
                 "QUEUE_FULL", {{"limit", "64"}}),
      absl::Milliseconds(1500));
  const absl::Status received = FromGrpc(ToGrpc(sent));
  EXPECT_THAT(received, StatusIs(absl::StatusCode::kResourceExhausted,
                                 "queue holds 64 of 64"));
  EXPECT_EQ(ReasonOf(received), "QUEUE_FULL");
  EXPECT_EQ(MetadataOf(received).at("limit"), "64");
  EXPECT_EQ(RetryDelayOf(received), absl::Milliseconds(1500));
}

TEST(GrpcStatusTest, EveryCodeKeepsItsValueAndGetsAReason) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status sent(static_cast<absl::StatusCode>(code), "m");
    const absl::Status received = FromGrpc(ToGrpc(sent));
    EXPECT_EQ(received.code(), sent.code());
    EXPECT_EQ(ReasonOf(received), absl::StatusCodeToString(sent.code()));
  }
}

TEST(GrpcStatusTest, AnErrorFromElsewhereKeepsItsCode) {
  EXPECT_THAT(
      FromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "no connection")),
      StatusIs(absl::StatusCode::kUnavailable, "no connection"));
  EXPECT_THAT(FromGrpc(grpc::Status(grpc::StatusCode::NOT_FOUND, "x", "\xff")),
              StatusIs(absl::StatusCode::kNotFound, "x"));
}

}  // namespace
}  // namespace nevus
