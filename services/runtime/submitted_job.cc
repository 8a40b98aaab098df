#include "services/runtime/submitted_job.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/runtime/peer_call.h"

namespace nevus {

std::string RequestDigest(const google::protobuf::Message& request) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    request.SerializeToCodedStream(&coded);
  }
  Sha256 digest;
  // Two kinds of request may have the same bytes.
  digest.UpdateField(request.GetDescriptor()->full_name());
  digest.UpdateField(bytes);
  return digest.Hex();
}

absl::Status CheckRequestId(const std::string& request_id, size_t max_bytes) {
  if (request_id.size() <= max_bytes) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "request_id ", Quoted(request_id), " has ", request_id.size(),
          " bytes; the most is ", max_bytes, ". Choose a shorter one")),
      "REQUEST_ID_TOO_LONG");
}

absl::StatusOr<std::optional<v1::Job>> FindSubmittedJob(
    const Peers& peers, const std::string& request_id,
    const std::string& request_digest, const grpc::ServerContext* caller) {
  if (request_id.empty()) return std::nullopt;
  RETURN_IF_ERROR(CheckRequestId(request_id, kMaxRequestIdBytes));
  v1::GetJobRequest get;
  get.set_request_id(request_id);
  const auto scheduler = v1::JobService::NewStub(peers.ChannelTo("scheduler"));
  const absl::StatusOr<v1::Job> job =
      CallPeer(*scheduler, &v1::JobService::Stub::GetJob, get, caller);
  if (absl::IsNotFound(job.status())) return std::nullopt;
  RETURN_IF_ERROR(job.status());
  if (job->request_digest() != request_digest) {
    return WithReason(
        absl::AlreadyExistsError(absl::StrCat(
            "request_id ", Quoted(request_id), " was used for job ", job->id(),
            " (", job->title(),
            ") with another request; the same id is for the same request only. "
            "Choose a new id")),
        "REQUEST_ID_REUSED", {{"job", job->id()}});
  }
  return std::optional<v1::Job>(*job);
}

}  // namespace nevus
