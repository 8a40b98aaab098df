#include "services/serving/batcher.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {
namespace {

// About one batch of a large network: sooner is no use.
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

absl::Status QueueFull(size_t waiting) {
  return WithRetryDelay(
      WithReason(absl::ResourceExhaustedError(
                     absl::StrCat(waiting,
                                  " images wait, which is the most. Retry in a "
                                  "second, or ask another replica")),
                 "QUEUE_FULL"),
      kRetryDelay);
}

absl::Status Draining() {
  return WithReason(
      absl::UnavailableError(
          "the server is stopping and takes no new images. Retry: another "
          "replica, or this one after its restart, will answer"),
      "DRAINING");
}

}  // namespace

Batcher::~Batcher() { Stop(); }

void Batcher::Start() {
  thread_ = std::thread([this] { Work(); });
}

void Batcher::Stop() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
  }
  came_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<ImageAnswer> Batcher::Answer(std::shared_ptr<BatchModel> model,
                                            std::string_view image,
                                            std::function<bool()> abandoned) {
  Waiting waiting{std::move(model), image, std::move(abandoned), std::nullopt};
  MutexLock lock(mutex_);
  if (stopped_) return Draining();
  if (queue_.size() >= options_.max_queue) DropAbandoned();
  if (queue_.size() >= options_.max_queue) return QueueFull(queue_.size());
  queue_.push_back(&waiting);
  came_.NotifyOne();
  while (!waiting.answer.has_value()) answered_.Wait(mutex_);
  return *std::move(waiting.answer);
}

size_t Batcher::waiting() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

void Batcher::DropAbandoned() {
  const auto first_dropped = std::stable_partition(
      queue_.begin(), queue_.end(),
      [](const Waiting* waiting) { return !waiting->abandoned(); });
  if (first_dropped == queue_.end()) return;
  for (auto it = first_dropped; it != queue_.end(); ++it) {
    (*it)->answer = absl::CancelledError(
        "the call ended before its image's turn came. Nothing was computed");
  }
  queue_.erase(first_dropped, queue_.end());
  answered_.NotifyAll();
}

std::vector<Batcher::Waiting*> Batcher::TakeBatch() {
  while (true) {
    DropAbandoned();
    if (!queue_.empty()) break;
    if (stopped_) return {};
    came_.Wait(mutex_);
  }
  std::vector<Waiting*> batch;
  std::deque<Waiting*> rest;
  const BatchModel* model = queue_.front()->model.get();
  for (Waiting* waiting : queue_) {
    if (waiting->model.get() == model && batch.size() < options_.max_batch) {
      batch.push_back(waiting);
    } else {
      rest.push_back(waiting);
    }
  }
  queue_ = std::move(rest);
  return batch;
}

void Batcher::Work() {
  while (true) {
    std::vector<Waiting*> batch;
    {
      MutexLock lock(mutex_);
      batch = TakeBatch();
    }
    if (batch.empty()) return;
    std::vector<std::string_view> images;
    for (const Waiting* waiting : batch) images.push_back(waiting->image);
    std::vector<absl::StatusOr<ImageAnswer>> answers =
        batch.front()->model->Answer(images);

    MutexLock lock(mutex_);
    for (size_t i = 0; i < batch.size(); ++i) {
      batch[i]->answer = std::move(answers[i]);
    }
    answered_.NotifyAll();
  }
}

}  // namespace nevus
