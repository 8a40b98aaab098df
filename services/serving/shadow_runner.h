// Runs what may wait, or be left out, behind the answers: shadow predictions.
// One thread and a short queue; an offer never waits. Knows no model.
#ifndef NEVUS_SERVICES_SERVING_SHADOW_RUNNER_H_
#define NEVUS_SERVICES_SERVING_SHADOW_RUNNER_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>

#include "base/mutex.h"

namespace nevus {

// Thread-safe. Start once, then Stop once, before destruction.
class ShadowRunner {
 public:
  // Work that waits holds an image each: few.
  explicit ShadowRunner(size_t max_queue = 8) : max_queue_(max_queue) {}
  ~ShadowRunner();
  ShadowRunner(const ShadowRunner&) = delete;
  ShadowRunner& operator=(const ShadowRunner&) = delete;

  void Start();
  // What runs ends; what waits is dropped.
  void Stop();

  // Runs `work` later, one after the other. False: the queue is full, or
  // stopped; it will not run.
  bool Offer(std::function<void()> work);
  // Returns when nothing runs and nothing waits. For tests.
  void AwaitIdle();

 private:
  void Work();

  const size_t max_queue_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_SHADOW_RUNNER_H_
