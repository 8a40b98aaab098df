#include "storage/feature/choice_store.h"

#include "base/status.h"
#include "storage/engine/record.h"

namespace nevus {
namespace {

std::string CalibrationKey(const ChoiceSubject& subject) {
  return Key({"calibration", subject.dataset, subject.backbone, subject.cut});
}

std::string ChoiceKey(const ChoiceSubject& subject,
                      const std::string& pooling) {
  return Key(
      {"choice", subject.dataset, subject.backbone, pooling, subject.cut});
}

template <typename T>
absl::StatusOr<std::optional<T>> Find(const KeyValueStore& store,
                                      const std::string& key) {
  absl::StatusOr<T> record = GetRecord<T>(store, key);
  if (absl::IsNotFound(record.status())) return std::nullopt;
  RETURN_IF_ERROR(record.status());
  return *std::move(record);
}

}  // namespace

absl::StatusOr<std::optional<v1::StoredCalibration>>
ChoiceStore::FindCalibration(const ChoiceSubject& subject) const {
  return Find<v1::StoredCalibration>(store_, CalibrationKey(subject));
}

absl::StatusOr<std::optional<v1::StoredChoice>> ChoiceStore::FindChoice(
    const ChoiceSubject& subject, const std::string& pooling) const {
  return Find<v1::StoredChoice>(store_, ChoiceKey(subject, pooling));
}

absl::Status ChoiceStore::Keep(const ChoiceSubject& subject,
                               const v1::StoredCalibration& calibration) {
  return store_.Apply({PutRecord(CalibrationKey(subject), calibration)});
}

absl::Status ChoiceStore::Keep(const ChoiceSubject& subject,
                               const std::string& pooling,
                               const v1::StoredChoice& choice) {
  return store_.Apply({PutRecord(ChoiceKey(subject, pooling), choice)});
}

}  // namespace nevus
