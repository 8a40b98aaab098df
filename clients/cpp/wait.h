// Calls that last: a job to its end, a prediction through a full queue.
#ifndef NEVUS_CLIENTS_CPP_WAIT_H_
#define NEVUS_CLIENTS_CPP_WAIT_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cpp/client.h"

namespace nevus {

// True for SUCCEEDED, FAILED and CANCELLED.
bool HasEnded(v1::JobState state);

// Watches a job until it has ended and returns it as it is then, whatever the
// end; JobError tells. `on_update` gets the job now and after each change. A
// server that goes away is waited for, up to ClientOptions::reconnect_timeout
// without news. Errors: those of WatchJob. Thread-safe.
absl::StatusOr<v1::Job> WaitForJob(
    Client& client, const std::string& id,
    const std::function<void(const v1::Job&)>& on_update);

// OK for a job that succeeded. For FAILED its error, with code and reason, for
// CANCELLED the code CANCELLED and the reason JOB_CANCELLED.
// REQUIRES: the job has ended.
absl::Status JobError(const v1::Job& job);

// Predicts, trying again as often as the server says that its queue is full and
// when to come back. Errors: others of Predict. Thread-safe.
absl::StatusOr<v1::PredictResponse> Predict(Client& client,
                                            const v1::PredictRequest& request);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_CPP_WAIT_H_
