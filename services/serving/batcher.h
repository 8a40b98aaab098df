// Puts the images that wait into batches for one compute thread.
//
// ... -> model -> [batcher] -> prediction. Calls come on many threads, networks
// run best on few: callers wait here while one thread takes what the queue
// (core/batch_queue.h, which has the rules) gives it. Knows no network and no
// RPC.
#ifndef NEVUS_SERVICES_SERVING_BATCHER_H_
#define NEVUS_SERVICES_SERVING_BATCHER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "compute/image/quality.h"
#include "services/serving/core/batch_queue.h"

namespace nevus {

// What a model made of an image.
struct ImageAnswer {
  float logit = 0;
  std::vector<float> feature;
  ImageQuality quality;
};

// Answers several images at once, on one thread at a time.
class BatchModel {
 public:
  // Takes the answer, or the error, of the image with this index. Thread-safe.
  using Done = std::function<void(size_t, absl::StatusOr<ImageAnswer>)>;

  virtual ~BatchModel() = default;
  // Tells `done` once of each image, as soon as it is answered, so that nobody
  // waits for the rest of the batch.
  virtual void Answer(const std::vector<std::string_view>& images,
                      const Done& done) = 0;
};

// Images of one call.
struct BatchRequest {
  // Shared because a model may be unloaded while images wait for it.
  std::shared_ptr<BatchModel> model;
  std::vector<std::string_view> images;
  int priority = 0;
  absl::Time deadline = absl::InfiniteFuture();
  // True once nobody waits for the answer any more. nullptr: never.
  std::function<bool()> abandoned;
  // As QueuedImage::own.
  bool own = false;
};

struct BatchedAnswer {
  ImageAnswer answer;
  int batch_size = 0;   // images in its batch
  absl::Duration wait;  // in the queue
};

// Thread-safe. Start once, then Stop, before destruction.
class Batcher {
 public:
  // `clock` must outlive this.
  Batcher(const BatchLimits& limits, const Clock& clock)
      : limits_(limits), clock_(clock), queue_(limits) {}
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  void Start();
  // New images are refused; those that wait are still answered, or leave when
  // their calls end. Does not wait; the destructor does.
  void Stop();

  // Waits for the answers, one an image. More images than a batch has are put
  // into the queue a batch at a time.
  //
  // Errors of an image: those of the model. Errors of all: RESOURCE_EXHAUSTED:
  // the queue is full (QUEUE_FULL), with a delay to retry after; UNAVAILABLE:
  // stopped (DRAINING); DEADLINE_EXCEEDED, CANCELLED: before their turn came.
  absl::StatusOr<std::vector<absl::StatusOr<BatchedAnswer>>> Answer(
      const BatchRequest& request);

  // Images in the queue now.
  size_t waiting() const;

 private:
  using Answers = std::vector<absl::StatusOr<BatchedAnswer>>;
  // An image that waits; lives on its caller's stack.
  struct Waiting {
    const BatchRequest* request = nullptr;
    std::string_view image;
    absl::Time arrival;
    CondVar* answered = nullptr;                          // its caller's
    std::optional<absl::StatusOr<BatchedAnswer>> answer;  // guarded by mutex_
  };

  // At most a batch of images.
  absl::StatusOr<Answers> AnswerSome(const BatchRequest& request, size_t begin,
                                     size_t end);
  void Work();
  // The next images of one model; empty: stopped and drained.
  std::vector<Waiting*> TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropDead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Its place went to one of higher priority: its call's other images that wait
  // leave with it.
  void Displace(uint64_t ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Settle(uint64_t ticket, absl::StatusOr<BatchedAnswer> answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const BatchLimits limits_;
  const Clock& clock_;
  mutable Mutex mutex_;
  CondVar came_;  // for the compute thread
  BatchQueue queue_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Waiting*> waiting_ ABSL_GUARDED_BY(mutex_);  // by ticket
  uint64_t last_ticket_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_BATCHER_H_
