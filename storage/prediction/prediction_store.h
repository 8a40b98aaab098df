// Keeps what was answered: predictions by time, model and image, what the
// images turned out to be, and, if it is given them, the images themselves.
// The store behind prediction, the end of the way. Knows no model and no RPC.
#ifndef NEVUS_STORAGE_PREDICTION_PREDICTION_STORE_H_
#define NEVUS_STORAGE_PREDICTION_PREDICTION_STORE_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "protos/nevus/v1/prediction_log.pb.h"
#include "storage/engine/key_value_store.h"
#include "storage/engine/request_log.h"

namespace nevus {

// A prediction to keep. `image` is kept under the prediction's image digest; ""
// keeps none.
struct PredictionEntry {
  v1::LoggedPrediction prediction;
  std::string image;
};

// Which predictions. "" and 0 mean all.
struct PredictionQuery {
  std::string model;
  int64_t version = 0;
  std::string image_digest;
  absl::Time since = absl::InfinitePast();    // from then on
  absl::Time until = absl::InfiniteFuture();  // before then
};

// How much is kept.
struct PredictionLimits {
  int64_t keep = std::numeric_limits<int64_t>::max();
  absl::Duration keep_for = absl::InfiniteDuration();
};

// Thread-safe. Writers wait for each other, over their disk writes too; readers
// wait for nobody.
//
// Errors of all: DATA_LOSS naming the key.
class PredictionStore {
 public:
  // Counts what is there. `store` must outlive the result.
  static absl::StatusOr<std::unique_ptr<PredictionStore>> Open(
      KeyValueStore& store);

  // One batch, synced. REQUIRES: each has an id of its own and a time.
  absl::Status Add(const std::vector<PredictionEntry>& entries);

  // With its outcome. NOT_FOUND (PREDICTION_NOT_FOUND).
  absl::StatusOr<v1::LoggedPrediction> Get(const std::string& id) const;

  // Calls `visit` with each that `query` asks for, with its outcome, in order
  // of time, after `start_after` ("" is the beginning), until it returns false.
  // `position` is what to start after to go on from there.
  using Visitor = std::function<bool(const std::string& position,
                                     v1::LoggedPrediction prediction)>;
  absl::Status Visit(const PredictionQuery& query,
                     const std::string& start_after,
                     const Visitor& visit) const;

  // Says what an image turned out to be; the answer goes into `entry`. The same
  // label again changes nothing. NOT_FOUND (PREDICTION_NOT_FOUND): there is no
  // prediction of it.
  absl::StatusOr<v1::Outcome> RecordOutcome(const std::string& image_digest,
                                            const std::string& label,
                                            absl::Time now,
                                            const RequestEntry& entry = {});

  // NOT_FOUND: it was not kept.
  absl::StatusOr<std::string> GetImage(const std::string& digest) const;

  // Removes what `limits` do not keep, the oldest first, with the outcome and
  // the image of those that were an image's last; returns how many. At most
  // 1,000 in one call: while it is as many, call again.
  absl::StatusOr<int64_t> Prune(const PredictionLimits& limits, absl::Time now);

  int64_t count() const;

 private:
  explicit PredictionStore(KeyValueStore& store) : store_(store) {}
  absl::Status AddOutcome(v1::LoggedPrediction& prediction) const;
  // Deletes, in `batch`, what is kept of `image` if no prediction but `pruned`
  // is of it.
  absl::Status PruneImage(const std::string& image,
                          const std::vector<std::string>& pruned,
                          std::vector<Mutation>& batch) const;

  KeyValueStore& store_;
  Mutex writers_;
  mutable Mutex mutex_;
  int64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_PREDICTION_PREDICTION_STORE_H_
