#include "clients/cpp/wait.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"

namespace nevus {
namespace {

// Between two tries of a stream that ends at once.
constexpr absl::Duration kPause = absl::Milliseconds(200);

// A client that sleeps longer than this has been told nonsense.
constexpr absl::Duration kMaxRetryDelay = absl::Seconds(10);

}  // namespace

bool HasEnded(v1::JobState state) {
  return state == v1::SUCCEEDED || state == v1::FAILED ||
         state == v1::CANCELLED;
}

absl::StatusOr<v1::Job> WaitForJob(
    Client& client, const std::string& id,
    const std::function<void(const v1::Job&)>& on_update) {
  v1::WatchJobRequest request;
  request.set_id(id);
  StopSignal pause;  // never set: a wait that ends by its timeout
  Stopwatch since_start;
  double last_news = 0;
  std::optional<v1::Job> newest;
  while (true) {
    const absl::Status status =
        client.Read(&v1::JobService::Stub::WatchJob, request,
                    [&](const v1::WatchJobResponse& response) {
                      last_news = since_start.Seconds();
                      if (!response.has_job()) return absl::OkStatus();
                      newest = response.job();
                      if (on_update) on_update(*newest);
                      return absl::OkStatus();
                    });
    if (newest.has_value() && HasEnded(newest->state())) return *newest;
    // A stream that ends well before its job does is a server that drains.
    if (!status.ok() && !absl::IsUnavailable(status)) return status;
    const double silent_s = since_start.Seconds() - last_news;
    // Never heard of the job: more likely a wrong address than a restart.
    if (!newest.has_value() && !status.ok()) return status;
    if (silent_s > absl::ToDoubleSeconds(client.options().reconnect_timeout)) {
      return Annotate(
          status.ok()
              ? absl::UnavailableError("the server keeps ending the watch")
              : status,
          absl::StrCat("no news of the job ", id, " for ",
                       static_cast<int64_t>(silent_s),
                       " s; it goes on in the server, see `nevus job watch ",
                       id, "`"));
    }
    pause.WaitFor(kPause);
  }
}

absl::Status JobError(const v1::Job& job) {
  if (job.state() == v1::SUCCEEDED) return absl::OkStatus();
  if (job.state() == v1::CANCELLED) {
    return WithReason(
        absl::CancelledError(absl::StrCat("the job ", job.id(),
                                          " was cancelled; run it again with "
                                          "`nevus job retry ",
                                          job.id(), "`")),
        "JOB_CANCELLED", {{"job", job.id()}});
  }
  // A failure without a code would otherwise read as success.
  const auto code = job.error().code() == 0
                        ? absl::StatusCode::kUnknown
                        : static_cast<absl::StatusCode>(job.error().code());
  return WithReason(
      absl::Status(code, absl::StrCat("the job ", job.id(),
                                      " failed: ", job.error().message())),
      job.error().reason().empty() ? "JOB_FAILED" : job.error().reason(),
      {{"job", job.id()}});
}

absl::StatusOr<v1::PredictResponse> Predict(Client& client,
                                            const v1::PredictRequest& request) {
  StopSignal pause;  // never set
  Stopwatch stopwatch;
  while (true) {
    absl::StatusOr<v1::PredictResponse> response =
        client.Call(&v1::PredictionService::Stub::Predict, request);
    const absl::Duration delay = RetryDelayOf(response.status());
    if (!absl::IsResourceExhausted(response.status()) ||
        delay == absl::ZeroDuration() ||
        stopwatch.Seconds() >
            absl::ToDoubleSeconds(client.options().call_timeout)) {
      return response;
    }
    pause.WaitFor(std::min(delay, kMaxRetryDelay));
  }
}

}  // namespace nevus
