// The same request_id, the same job: what a service asks before it checks
// anything, so that a repeated call is answered although the world has moved on
// (the features are there now, the test split is open now). `caller` as in
// peer_call.h.
#ifndef NEVUS_SERVICES_RUNTIME_SUBMITTED_JOB_H_
#define NEVUS_SERVICES_RUNTIME_SUBMITTED_JOB_H_

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "protos/nevus/v1/job.pb.h"
#include "services/runtime/peers.h"
#include "storage/engine/request_log.h"

namespace nevus {

// Of a user's request, for Job.request_digest: SHA-256 over its type and its
// deterministic serialization.
std::string RequestDigest(const google::protobuf::Message& request);

// The job that was submitted with this id and digest; nothing if none was, or
// if the id is "".
//
// Errors: INVALID_ARGUMENT: the id is too long (REQUEST_ID_TOO_LONG);
// ALREADY_EXISTS: the id was used for another request (REQUEST_ID_REUSED).
absl::StatusOr<std::optional<v1::Job>> FindSubmittedJob(
    const Peers& peers, const std::string& request_id,
    const std::string& request_digest, const grpc::ServerContext* caller);

// INVALID_ARGUMENT (REQUEST_ID_TOO_LONG) if `request_id` has more bytes.
absl::Status CheckRequestId(const std::string& request_id, size_t max_bytes);

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_SUBMITTED_JOB_H_
