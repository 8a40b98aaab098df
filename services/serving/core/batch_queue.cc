#include "services/serving/core/batch_queue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {
namespace {

// A retry sooner than this only costs: also what is said before anything was
// measured.
constexpr absl::Duration kLeastRetryDelay = absl::Milliseconds(50);
constexpr absl::Duration kMostRetryDelay = absl::Seconds(10);
// The weight of the newest batch in the moving average.
constexpr double kNewest = 0.2;
// A wait that is only as long as the deadline by the average is too long half
// of the time, and an answer that comes late costs as much as one in time.
constexpr double kCaution = 1.25;

}  // namespace

absl::Status BatchQueue::Full() const {
  // Half a queue from now, places will be free.
  const absl::Duration delay =
      std::clamp(image_time_ * static_cast<int64_t>(queue_.size()) / 2,
                 kLeastRetryDelay, kMostRetryDelay);
  return WithRetryDelay(
      WithReason(absl::ResourceExhaustedError(absl::StrCat(
                     queue_.size(), " images wait, which is the most (",
                     limits_.max_queue, "). Retry in ",
                     absl::FormatDuration(delay), ", or ask another replica")),
                 "QUEUE_FULL"),
      delay);
}

size_t BatchQueue::clients() const {
  return std::count_if(queue_.begin(), queue_.end(),
                       [](const QueuedImage& image) { return !image.own; });
}

absl::Duration BatchQueue::Busy(absl::Time now) const {
  return std::max(absl::ZeroDuration(),
                  image_time_ * static_cast<int64_t>(computing_) -
                      (now - computing_since_));
}

absl::Status BatchQueue::Add(const QueuedImage& image, absl::Time now,
                             std::optional<uint64_t>& displaced) {
  displaced.reset();
  if (image.own) {
    queue_.push_back(image);
    return absl::OkStatus();
  }
  size_t ahead = 0;
  for (const QueuedImage& other : queue_) {
    if (other.own || other.priority >= image.priority) ++ahead;
  }
  const absl::Duration wait =
      (Busy(now) +
       image_time_ * static_cast<int64_t>(ahead + 1 + image.after)) *
      kCaution;
  // With nothing ahead it is tried: the average may be wrong.
  if (ahead > 0 && now + wait > image.deadline) {
    return WithRetryDelay(
        WithReason(
            absl::ResourceExhaustedError(absl::StrCat(
                ahead, " images are ahead, about ", absl::FormatDuration(wait),
                " of work, and the call's deadline is in ",
                absl::FormatDuration(image.deadline - now),
                ". Give it more time, retry later, or ask another "
                "replica")),
            "QUEUE_FULL"),
        std::clamp(wait / 2, kLeastRetryDelay, kMostRetryDelay));
  }
  if (clients() >= limits_.max_queue) {
    auto last = queue_.end();
    for (auto it = queue_.begin(); it != queue_.end(); ++it) {
      if (!it->own &&
          (last == queue_.end() || it->priority <= last->priority)) {
        last = it;
      }
    }
    if (last == queue_.end() || last->priority >= image.priority) return Full();
    displaced = last->ticket;
    queue_.erase(last);
  }
  queue_.push_back(image);
  return absl::OkStatus();
}

std::vector<uint64_t> BatchQueue::TakeExpired(absl::Time now) {
  std::vector<uint64_t> expired;
  std::deque<QueuedImage> rest;
  for (const QueuedImage& image : queue_) {
    if (image.deadline <= now) {
      expired.push_back(image.ticket);
    } else {
      rest.push_back(image);
    }
  }
  queue_ = std::move(rest);
  // What would pass meanwhile, by the average. One is always tried: else a
  // stall, once measured, would refuse everybody for ever.
  rest.clear();
  for (size_t i = 0; i < queue_.size(); ++i) {
    const QueuedImage& image = queue_[i];
    const bool last = rest.empty() && i + 1 == queue_.size();
    if (!image.own && !last && now + image_time_ > image.deadline) {
      expired.push_back(image.ticket);
    } else {
      rest.push_back(image);
    }
  }
  queue_ = std::move(rest);
  return expired;
}

std::vector<uint64_t> BatchQueue::TakeIf(
    const std::function<bool(uint64_t)>& gone) {
  std::vector<uint64_t> taken;
  std::deque<QueuedImage> rest;
  for (const QueuedImage& image : queue_) {
    if (gone(image.ticket)) {
      taken.push_back(image.ticket);
    } else {
      rest.push_back(image);
    }
  }
  queue_ = std::move(rest);
  return taken;
}

bool BatchQueue::Before(const QueuedImage& a, const QueuedImage& b) const {
  return a.own != b.own ? a.own : a.priority > b.priority;
}

const QueuedImage& BatchQueue::First() const {
  const QueuedImage* first = &queue_.front();
  for (const QueuedImage& image : queue_) {
    if (Before(image, *first)) first = &image;
  }
  return *first;
}

absl::Time BatchQueue::NextBatchTime() const {
  if (queue_.empty()) return absl::InfiniteFuture();
  const QueuedImage& first = First();
  const size_t same = std::count_if(
      queue_.begin(), queue_.end(),
      [&](const QueuedImage& image) { return image.model == first.model; });
  if (first.own || same >= limits_.max_batch) return absl::InfinitePast();
  return first.arrival + limits_.max_delay;
}

std::vector<uint64_t> BatchQueue::TakeBatch(absl::Time now) {
  if (queue_.empty() || now < NextBatchTime()) return {};
  const void* model = First().model;
  std::vector<QueuedImage> same;
  for (const QueuedImage& image : queue_) {
    if (image.model == model) same.push_back(image);
  }
  std::stable_sort(same.begin(), same.end(),
                   [this](const QueuedImage& a, const QueuedImage& b) {
                     return Before(a, b);
                   });
  std::vector<uint64_t> batch;
  for (const QueuedImage& image : same) {
    if (batch.size() == limits_.max_batch) break;
    // Those of a batch are done one after the other.
    const absl::Time done =
        now + image_time_ * static_cast<int64_t>(batch.size() + 1);
    if (batch.empty() || image.own || done <= image.deadline) {
      batch.push_back(image.ticket);
    }
  }
  TakeIf([&batch](uint64_t ticket) {
    return std::find(batch.begin(), batch.end(), ticket) != batch.end();
  });
  computing_ = batch.size();
  computing_since_ = now;
  return batch;
}

void BatchQueue::Observe(size_t images, absl::Duration took) {
  computing_ = 0;
  if (images == 0) return;
  const absl::Duration each = took / static_cast<int64_t>(images);
  image_time_ = image_time_ == absl::ZeroDuration()
                    ? each
                    : image_time_ * (1 - kNewest) + each * kNewest;
}

}  // namespace nevus
