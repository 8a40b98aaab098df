#include "base/rpc/grpc_status.h"

#include <map>
#include <string>

#include "absl/time/time.h"
#include "base/status.h"
#include "protos/google/rpc/status.pb.h"

namespace nevus {
namespace {

constexpr char kDomain[] = "nevus";

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message(status.message());

  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_reason(ReasonOf(status));
  // Every error has a reason; the code's name where nobody gave a better one.
  if (info.reason().empty()) {
    info.set_reason(absl::StatusCodeToString(status.code()));
  }
  info.set_domain(kDomain);
  for (const auto& [key, value] : MetadataOf(status)) {
    (*info.mutable_metadata())[key] = value;
  }
  details.add_details()->PackFrom(info);
  if (const absl::Duration delay = RetryDelayOf(status);
      delay > absl::ZeroDuration()) {
    google::rpc::RetryInfo retry;
    const timespec time = absl::ToTimespec(delay);
    retry.mutable_retry_delay()->set_seconds(time.tv_sec);
    retry.mutable_retry_delay()->set_nanos(static_cast<int>(time.tv_nsec));
    details.add_details()->PackFrom(retry);
  }
  return grpc::Status(code, message, details.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return result;
  for (const google::protobuf::Any& any : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&info) && info.domain() == kDomain) {
      result = WithReason(result, info.reason(),
                          {info.metadata().begin(), info.metadata().end()});
    } else if (any.UnpackTo(&retry)) {
      result = WithRetryDelay(
          result, absl::Seconds(retry.retry_delay().seconds()) +
                      absl::Nanoseconds(retry.retry_delay().nanos()));
    }
  }
  return result;
}

}  // namespace nevus
