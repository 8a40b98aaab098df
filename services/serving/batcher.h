// Puts the images that wait into batches for one compute thread.
//
// ... -> model -> [batcher] -> prediction. Calls come on many threads, networks
// run best on few: callers wait here, in a queue with a limit, while one thread
// takes whatever waits. It never waits for a batch to fill, so an image alone
// starts at once. Knows no network, no RPC and no clock.
#ifndef NEVUS_SERVICES_SERVING_BATCHER_H_
#define NEVUS_SERVICES_SERVING_BATCHER_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "compute/image/quality.h"

namespace nevus {

// What a model made of an image.
struct ImageAnswer {
  std::vector<float> feature;
  ImageQuality quality;
};

// Answers several images at once. Called by the compute thread only.
class BatchModel {
 public:
  virtual ~BatchModel() = default;
  // One answer, or one error, for each image, in order.
  virtual std::vector<absl::StatusOr<ImageAnswer>> Answer(
      const std::vector<std::string_view>& images) = 0;
};

struct BatcherOptions {
  // Images in a batch.
  size_t max_batch = 8;
  // Images that wait. 64 are seconds of work for a VGG16 on one core: a client
  // that would wait longer had better ask another replica.
  size_t max_queue = 64;
};

// Thread-safe. Start once, then Stop once, before destruction.
class Batcher {
 public:
  explicit Batcher(const BatcherOptions& options) : options_(options) {}
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  void Start();
  // Answers all that wait, then ends the thread. New images are refused.
  void Stop();

  // Waits for the answer of `model`, which is shared because a model may leave
  // the cache while images wait for it. Once `abandoned` says that nobody waits
  // for the answer any more the image may leave the queue unanswered.
  //
  // Errors: RESOURCE_EXHAUSTED: the queue is full (QUEUE_FULL), with a delay to
  // retry after; UNAVAILABLE: stopped (DRAINING); CANCELLED: abandoned; those
  // of the model.
  absl::StatusOr<ImageAnswer> Answer(std::shared_ptr<BatchModel> model,
                                     std::string_view image,
                                     std::function<bool()> abandoned);

  // Images in the queue now.
  size_t waiting() const;

 private:
  // An image that waits; lives on its caller's stack.
  struct Waiting {
    std::shared_ptr<BatchModel> model;
    std::string_view image;
    std::function<bool()> abandoned;
    std::optional<absl::StatusOr<ImageAnswer>> answer;  // guarded by mutex_
  };

  void Work();
  void DropAbandoned() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The next images of one model, oldest first; empty: stopped and drained.
  std::vector<Waiting*> TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const BatcherOptions options_;
  mutable Mutex mutex_;
  CondVar came_;      // for the compute thread
  CondVar answered_;  // for callers
  std::deque<Waiting*> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_BATCHER_H_
