#include "services/serving/prediction_log.h"

#include <iterator>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status.h"

namespace nevus {
namespace {

// How often age is looked at, and a disk that refused is asked again.
constexpr absl::Duration kPruneEvery = absl::Minutes(1);
constexpr absl::Duration kRetryEvery = absl::Seconds(1);

}  // namespace

PredictionLog::~PredictionLog() { Stop(); }

void PredictionLog::Start() {
  {
    MutexLock lock(mutex_);
    running_ = true;
  }
  thread_ = std::thread([this] { Work(); });
}

void PredictionLog::Stop() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
  }
  came_.NotifyAll();
  if (thread_.joinable()) thread_.join();
  MutexLock lock(mutex_);
  if (running_ && !queue_.empty()) {
    Log("prediction_log.lost").With("predictions", queue_.size());
  }
  running_ = false;
  written_.NotifyAll();
}

void PredictionLog::Add(v1::LoggedPrediction prediction,
                        std::string_view image) {
  PredictionEntry entry;
  entry.prediction = std::move(prediction);
  if (options_.log_images) entry.image = std::string(image);
  MutexLock lock(mutex_);
  if (stopped_ || queue_.size() >= options_.max_queue ||
      queue_bytes_ + entry.image.size() > options_.max_queue_bytes) {
    // Once a time of trouble: the count has the rest.
    if (dropped_++ == 0) {
      Log("prediction_log.dropped").With("waiting", queue_.size());
    }
    return;
  }
  queue_bytes_ += entry.image.size();
  queue_.push_back(std::move(entry));
  ++added_;
  came_.NotifyOne();
}

void PredictionLog::Flush() {
  MutexLock lock(mutex_);
  const int64_t wanted = added_;
  const int64_t failures = failures_;
  while (running_ && done_ < wanted && !failing_ && failures_ == failures) {
    written_.Wait(mutex_);
  }
}

int64_t PredictionLog::dropped() const {
  MutexLock lock(mutex_);
  return dropped_;
}

size_t PredictionLog::waiting() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

bool PredictionLog::AwaitWork() {
  // While the disk refuses, its next try is what is waited for.
  if (failing_ && !stopped_) came_.WaitFor(mutex_, kRetryEvery);
  while (queue_.empty() && !stopped_) {
    if (!came_.WaitFor(mutex_, kPruneEvery)) return true;
  }
  return !queue_.empty();
}

void PredictionLog::Work() {
  absl::Time next_prune = absl::InfinitePast();
  while (true) {
    std::vector<PredictionEntry> batch;
    {
      MutexLock lock(mutex_);
      if (!AwaitWork()) return;
      batch.swap(queue_);
      queue_bytes_ = 0;
    }
    const absl::Status written = store_.Add(batch);
    bool stopped = false;
    {
      MutexLock lock(mutex_);
      if (written.ok()) {
        done_ += static_cast<int64_t>(batch.size());
      } else {
        ++failures_;
        for (PredictionEntry& entry : batch) queue_bytes_ += entry.image.size();
        batch.insert(batch.end(), std::make_move_iterator(queue_.begin()),
                     std::make_move_iterator(queue_.end()));
        queue_ = std::move(batch);
      }
      if (failing_ == written.ok()) {
        Log("prediction_log.state")
            .With("state", written.ok() ? "writing" : "refused")
            .With("reason", ReasonOf(written));
      }
      failing_ = !written.ok();
      stopped = stopped_;
      written_.NotifyAll();
    }
    // What the disk refuses at the end is lost.
    if (!written.ok() && stopped) return;
    const absl::Time now = clock_.Now();
    if (now < next_prune && store_.count() <= options_.limits.keep) continue;
    next_prune = now + kPruneEvery;
    Prune();
  }
}

void PredictionLog::Prune() {
  int64_t all = 0;
  absl::StatusOr<int64_t> pruned = 1;
  while (pruned.ok() && *pruned > 0) {
    pruned = store_.Prune(options_.limits, clock_.Now());
    if (pruned.ok()) all += *pruned;
  }
  if (all > 0) Log("prediction_log.pruned").With("predictions", all);
  if (!pruned.ok()) {
    Log("prediction_log.prune_failed")
        .With("reason", ReasonOf(pruned.status()))
        .With("error", pruned.status().message());
  }
}

}  // namespace nevus
