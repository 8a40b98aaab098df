// Writes predictions to their store, behind the answers' backs: an answer waits
// for no disk, and one sync holds all that came during the one before.
//
// ... -> prediction -> [log]. So a kill loses the predictions of the last sync
// or two, some milliseconds on a good disk; a full or broken disk fails no
// answer, and loses what does not fit into the queue, which is counted. Knows
// no model and no RPC.
#ifndef NEVUS_SERVICES_SERVING_PREDICTION_LOG_H_
#define NEVUS_SERVICES_SERVING_PREDICTION_LOG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "protos/nevus/v1/prediction_log.pb.h"
#include "storage/prediction/prediction_store.h"

namespace nevus {

struct PredictionLogOptions {
  PredictionLimits limits;
  // Keep the images too.
  bool log_images = false;
  // What waits to be written. A record has some 500 bytes: these are hours of a
  // clinic's predictions, or 64 MB of images.
  size_t max_queue = 10'000;
  size_t max_queue_bytes = 64 << 20;
};

// Thread-safe. Start once, then Stop once, before destruction.
class PredictionLog {
 public:
  // `store` and `clock` must outlive this.
  PredictionLog(PredictionStore& store, const Clock& clock,
                const PredictionLogOptions& options)
      : store_(store), clock_(clock), options_(options) {}
  ~PredictionLog();
  PredictionLog(const PredictionLog&) = delete;
  PredictionLog& operator=(const PredictionLog&) = delete;

  void Start();
  // Writes all that waits, if the disk takes it, then ends the thread.
  void Stop();

  // Queues a prediction with its image's bytes. Waits for nothing: what finds
  // the queue full is dropped.
  void Add(v1::LoggedPrediction prediction, std::string_view image);
  // Returns when all that was queued before is synced, or the disk has refused
  // to write.
  void Flush();

  // Predictions dropped so far, and waiting now.
  int64_t dropped() const;
  size_t waiting() const;

 private:
  void Work();
  // Waits for something to write or for the time to prune; false: stopped and
  // nothing is left.
  bool AwaitWork() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Prune();

  PredictionStore& store_;
  const Clock& clock_;
  const PredictionLogOptions options_;
  mutable Mutex mutex_;
  CondVar came_;     // for the writer
  CondVar written_;  // for Flush
  std::vector<PredictionEntry> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queue_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Predictions queued, and written, since the start.
  int64_t added_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t done_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  // Writes that failed, and whether the newest did.
  int64_t failures_ ABSL_GUARDED_BY(mutex_) = 0;
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_PREDICTION_LOG_H_
