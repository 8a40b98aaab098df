// Keeps what was found out about a backbone on a dataset before its features
// are computed: the ranges of int8 and what "auto" took. Never replaced: the
// features that are there rest on it.
#ifndef NEVUS_STORAGE_FEATURE_CHOICE_STORE_H_
#define NEVUS_STORAGE_FEATURE_CHOICE_STORE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/nevus/v1/feature.pb.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

// What it was found out about. A dataset's versions share it, so that a new
// version's old images keep their features.
struct ChoiceSubject {
  std::string dataset;   // its name
  std::string backbone;  // its digest
  std::string cut;
};

// Thread-safe.
class ChoiceStore {
 public:
  // `store` must outlive this.
  explicit ChoiceStore(KeyValueStore& store) : store_(store) {}

  // None: nothing is kept. Errors: DATA_LOSS.
  absl::StatusOr<std::optional<v1::StoredCalibration>> FindCalibration(
      const ChoiceSubject& subject) const;
  absl::StatusOr<std::optional<v1::StoredChoice>> FindChoice(
      const ChoiceSubject& subject, const std::string& pooling) const;

  // Synced when they return. REQUIRES: nothing is kept yet.
  absl::Status Keep(const ChoiceSubject& subject,
                    const v1::StoredCalibration& calibration);
  absl::Status Keep(const ChoiceSubject& subject, const std::string& pooling,
                    const v1::StoredChoice& choice);

 private:
  KeyValueStore& store_;
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_FEATURE_CHOICE_STORE_H_
