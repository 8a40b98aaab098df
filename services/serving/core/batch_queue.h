// Which images wait, and which of them are the next batch: pure.
//
// Time comes as an argument and images are tickets, so every rule is a table
// test. Not thread-safe: the batcher (../batcher.h) holds its lock.
//
// The rules:
// - Of higher priority first, then in order of arrival. A batch holds images of
//   one model only.
// - A batch begins as soon as it is asked for: an image alone waits for nobody,
//   unless `max_delay` says so.
// - An image whose deadline has passed, or would pass before it can be done,
//   leaves before it costs anything; one that would come late at its place in a
//   batch is no part of it.
// - A full queue refuses at once; so does one too long for the new image's
//   deadline, what is being computed counted, since an answer that nobody waits
//   for any more costs the next one its time. An image of higher priority takes
//   the place of the newest of the lowest.
#ifndef NEVUS_SERVICES_SERVING_CORE_BATCH_QUEUE_H_
#define NEVUS_SERVICES_SERVING_CORE_BATCH_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace nevus {

struct BatchLimits {
  // Images in a batch: what one FeatureExtractor decodes beside each other.
  // More would only let an image of high priority wait for longer.
  size_t max_batch = 4;
  // Images that wait. 64 are seconds of work for a VGG16 on one core: a client
  // that would wait longer had better ask another replica.
  size_t max_queue = 64;
  // How long the oldest image may wait for others to fill its batch. Networks
  // compute image by image (compute/backbone/network.h), so waiting gains
  // nothing here.
  absl::Duration max_delay = absl::ZeroDuration();
};

struct QueuedImage {
  uint64_t ticket = 0;          // names it; each once
  const void* model = nullptr;  // only compared
  int priority = 0;
  absl::Time deadline = absl::InfiniteFuture();
  absl::Time arrival;
  // Images of its call that come after it: the call is answered with the last.
  size_t after = 0;
  // The server's own: takes no client's place and is never refused.
  bool own = false;
};

class BatchQueue {
 public:
  explicit BatchQueue(const BatchLimits& limits) : limits_(limits) {}

  // RESOURCE_EXHAUSTED (QUEUE_FULL), with a delay to retry after. On success
  // `displaced` is set to the ticket that lost its place, if any.
  absl::Status Add(const QueuedImage& image, absl::Time now,
                   std::optional<uint64_t>& displaced);

  // Takes out the images that cannot be answered in time any more.
  std::vector<uint64_t> TakeExpired(absl::Time now);
  // Takes out those of which `gone` is true.
  std::vector<uint64_t> TakeIf(const std::function<bool(uint64_t)>& gone);
  // Takes out the next batch, or nothing when there is none to begin at `now`;
  // then NextBatchTime says when to ask again. It counts as being computed
  // until Observe.
  std::vector<uint64_t> TakeBatch(absl::Time now);
  // When the next batch may begin; InfiniteFuture if nothing waits.
  absl::Time NextBatchTime() const;

  // The last batch, of so many images, took so long: what deadlines are judged
  // by.
  void Observe(size_t images, absl::Duration took);

  size_t size() const { return queue_.size(); }
  // What an image costs now, of all models alike; zero before the first.
  absl::Duration image_time() const { return image_time_; }
  // The error of an image that has lost its place, or gets none.
  absl::Status Full() const;

 private:
  size_t clients() const;
  // How long what is being computed still takes, by the average.
  absl::Duration Busy(absl::Time now) const;
  // The oldest of the highest priority. REQUIRES: not empty.
  const QueuedImage& First() const;
  bool Before(const QueuedImage& a, const QueuedImage& b) const;

  BatchLimits limits_;
  std::deque<QueuedImage> queue_;  // in order of arrival
  absl::Duration image_time_;      // moving average
  size_t computing_ = 0;           // images of the batch taken last
  absl::Time computing_since_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_CORE_BATCH_QUEUE_H_
