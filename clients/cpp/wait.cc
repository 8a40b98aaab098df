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

// Seconds after which a stream has shown that its server is there.
constexpr double kLived = 1;

// A client that sleeps longer than this has been told nonsense.
constexpr absl::Duration kMaxRetryDelay = absl::Seconds(10);

// What a server that drains, dies or is started again does to a stream. Without
// a reason it is gRPC that speaks: of a broken connection, in whatever code.
bool IsInterruption(const absl::Status& status) {
  if (status.ok() || absl::IsUnavailable(status)) return true;
  return ReasonOf(status).empty() &&
         (absl::IsUnknown(status) || absl::IsInternal(status));
}

}  // namespace

bool HasEnded(v1::JobState state) {
  return state == v1::SUCCEEDED || state == v1::FAILED ||
         state == v1::CANCELLED;
}

absl::StatusOr<v1::Job> WatchJob(Client& client, const std::string& id,
                                 const WatchOptions& options,
                                 const OnJobNews& on_news) {
  const double patience_s =
      absl::ToDoubleSeconds(client.options().reconnect_timeout);
  StopSignal pause;  // never set: a wait that ends by its timeout
  Stopwatch since_news;
  std::optional<v1::Job> newest;
  int64_t last = options.after_event;
  while (true) {
    v1::WatchJobRequest request;
    request.set_id(id);
    request.set_after_event(last);
    request.set_past_only(options.past_only);
    const Stopwatch since_open;
    bool heard = false, news = false, went_back = false;
    const absl::Status status =
        client.Read(&v1::JobService::Stub::WatchJob, request,
                    [&](const v1::WatchJobResponse& response) {
                      const bool returned = !heard && newest.has_value();
                      heard = true;
                      if (response.has_job()) {
                        if (returned && response.job().last_event() < last) {
                          went_back = true;
                          last = response.job().last_event();
                          return absl::AbortedError("watch again from there");
                        }
                        news = news || !newest.has_value() ||
                               newest->SerializeAsString() !=
                                   response.job().SerializeAsString();
                        newest = response.job();
                      } else {
                        if (response.event().number() <= last)
                          return absl::OkStatus();
                        last = response.event().number();
                        news = true;
                      }
                      if (on_news) on_news(response);
                      return absl::OkStatus();
                    });
    if (went_back) continue;
    if (newest.has_value()) {
      if (options.past_only && status.ok()) return *newest;
      // Not before all was heard: a stream can break behind the snapshot.
      if (HasEnded(newest->state()) && newest->last_event() <= last) {
        return *newest;
      }
    }
    if (!IsInterruption(status)) return status;
    // Never heard of the job: more likely a wrong address than a restart.
    if (!newest.has_value() && !status.ok()) return status;
    // A job that waits for long gives no news, and is no absent server.
    if (news || (heard && since_open.Seconds() > kLived)) {
      since_news = Stopwatch();
    }
    if (since_news.Seconds() > patience_s) {
      return Annotate(
          status.ok()
              ? absl::UnavailableError("the server keeps ending the watch")
              : status,
          absl::StrCat("no news of the job ", id, " for ",
                       static_cast<int64_t>(since_news.Seconds()),
                       " s; it goes on in the server, see `nevus job watch ",
                       id, "`"));
    }
    pause.WaitFor(kPause);
  }
}

absl::StatusOr<v1::Job> WaitForJob(Client& client, const std::string& id,
                                   const OnJobNews& on_news) {
  return WatchJob(client, id, WatchOptions(), on_news);
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
