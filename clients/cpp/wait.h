// Calls that last: a job to its end, a prediction through a full queue.
#ifndef NEVUS_CLIENTS_CPP_WAIT_H_
#define NEVUS_CLIENTS_CPP_WAIT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cpp/client.h"

namespace nevus {

// True for SUCCEEDED, FAILED and CANCELLED.
bool HasEnded(v1::JobState state);

struct WatchOptions {
  // Only events with a larger number.
  int64_t after_event = 0;
  // What has happened so far, instead of until the job's end.
  bool past_only = false;
};

// A snapshot of the job, or an event. Called from the watching thread.
using OnJobNews = std::function<void(const v1::WatchJobResponse&)>;

// Follows a job to its end and returns it as it is then, whatever the end;
// JobError tells. Each event comes once, in order of number, whatever happens
// to the server in between: after a stream that broke, the next one begins
// behind the last event. Snapshots come as the contract has them, and again
// after each such break. A server that was restored from a backup taken before
// the last event tells on from there.
//
// A server that goes away is waited for, up to ClientOptions::reconnect_timeout
// without news; one that was never there is not. Errors: those of WatchJob.
// Thread-safe.
absl::StatusOr<v1::Job> WatchJob(Client& client, const std::string& id,
                                 const WatchOptions& options,
                                 const OnJobNews& on_news);

// The same from the first event that is kept, to the job's end.
absl::StatusOr<v1::Job> WaitForJob(Client& client, const std::string& id,
                                   const OnJobNews& on_news);

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
