// Keeps features: for each feature space, the vector of each image. Between
// dataset and model on the way image -> dataset -> feature -> model ->
// prediction. A feature that is there is never replaced: it is what its names
// say it is.
#ifndef NEVUS_STORAGE_FEATURE_FEATURE_STORE_H_
#define NEVUS_STORAGE_FEATURE_FEATURE_STORE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "protos/nevus/v1/feature.pb.h"
#include "protos/nevus/v1/job.pb.h"
#include "storage/engine/key_value_store.h"
#include "storage/engine/request_log.h"

namespace nevus {

// Thread-safe. Writers wait for each other, over their disk writes too: counts
// and fences rest on what is stored. Readers wait for nobody.
class FeatureStore {
 public:
  // `store` must outlive this.
  explicit FeatureStore(KeyValueStore& store) : store_(store) {}

  // Stores those of `features` that are not there, all or none, synced; the
  // space begins with its first features. Idempotent. Errors: INVALID_ARGUMENT:
  // FEATURE_INVALID (wrong length, not finite, no digest),
  // FEATURE_SPACE_INVALID (no digest, or not what its digest stands for here),
  // LEASE_INVALID; ABORTED: FENCING_TOKEN_STALE.
  absl::Status Write(const v1::FeatureSpace& space,
                     const std::vector<v1::Feature>& features,
                     const v1::Lease& lease, absl::Time now);

  // Those of `images` without a feature in `space` (which need not exist), each
  // once, in the order asked.
  absl::StatusOr<std::vector<std::string>> FindMissing(
      const std::string& space, const std::vector<std::string>& images) const;

  // Calls `visit` with the feature of each of `images`, in order, until it
  // returns false. Errors: NOT_FOUND: FEATURE_NOT_FOUND, naming the image;
  // DATA_LOSS.
  absl::Status Read(const std::string& space,
                    const std::vector<std::string>& images,
                    const std::function<bool(v1::Feature)>& visit) const;

  // The same with Feature.packed filled instead of Feature.values.
  absl::Status ReadPacked(const std::string& space,
                          const std::vector<std::string>& images,
                          const std::function<bool(v1::Feature)>& visit) const;

  // Deletes the space and all of its features, in batches: one that breaks off
  // leaves a space with fewer. Whether anyone needs it is the caller's to know.
  // Errors: NOT_FOUND: FEATURE_SPACE_NOT_FOUND.
  absl::StatusOr<v1::DeleteFeatureSpaceResponse> DeleteSpace(
      const std::string& digest, const RequestEntry& entry);
  // Below which prefix the engine keeps a space's values.
  static std::string ValuesPrefix(const std::string& digest);

  // Errors: NOT_FOUND: FEATURE_SPACE_NOT_FOUND.
  absl::StatusOr<v1::FeatureSpace> GetSpace(const std::string& digest) const;
  // In order of digest.
  absl::StatusOr<std::vector<v1::FeatureSpace>> ListSpaces() const;

 private:
  absl::StatusOr<v1::FeatureSpace> FindOrBegin(const v1::FeatureSpace& space,
                                               absl::Time now) const;

  KeyValueStore& store_;
  Mutex writers_;
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_FEATURE_FEATURE_STORE_H_
