#include "storage/prediction/prediction_store.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "storage/engine/record.h"
#include "storage/engine/timestamp.h"

namespace nevus {
namespace {

// Deletions in one batch: some milliseconds of disk.
constexpr size_t kMaxPruned = 1000;

// v1::LoggedPrediction without its outcome.
std::string PredictionKey(const std::string& id) {
  return Key({"prediction", id});
}
// v1::Outcome.
std::string OutcomeKey(const std::string& image) {
  return Key({"outcome", image});
}
// The bytes, named by their SHA-256 as ingestion's are.
std::string ImageKey(const std::string& digest) {
  return Key({"image", digest});
}
// Empty: three orders of the same predictions, each below its prefix by
// position.
std::string AllPrefix() { return Key({"logged", ""}); }
std::string ModelPrefix(const std::string& model) {
  return Key({"logged_model", model, ""});
}
std::string ImagePrefix(const std::string& image) {
  return Key({"logged_image", image, ""});
}

std::string TimeText(absl::Time time) {
  return KeyNumber(std::max<int64_t>(0, absl::ToUnixNanos(time)));
}

absl::Time TimeOf(const v1::LoggedPrediction& prediction) {
  return absl::FromUnixSeconds(prediction.predict_time().seconds()) +
         absl::Nanoseconds(prediction.predict_time().nanos());
}

// "TIME!ID".
std::string PositionOf(const v1::LoggedPrediction& prediction) {
  return Key({TimeText(TimeOf(prediction)), prediction.prediction_id()});
}

std::vector<std::string> OrderKeys(const v1::LoggedPrediction& prediction) {
  const std::string position = PositionOf(prediction);
  return {AllPrefix() + position, ModelPrefix(prediction.model()) + position,
          ImagePrefix(prediction.image_digest()) + position};
}

absl::Status NoPrediction(const std::string& message,
                          const std::map<std::string, std::string>& metadata) {
  return WithReason(absl::NotFoundError(message), "PREDICTION_NOT_FOUND",
                    metadata);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PredictionStore>> PredictionStore::Open(
    KeyValueStore& store) {
  auto result = std::unique_ptr<PredictionStore>(new PredictionStore(store));
  int64_t count = 0;
  RETURN_IF_ERROR(
      store.Scan(AllPrefix(), "", [&](std::string_view, std::string_view) {
        ++count;
        return true;
      }));
  MutexLock lock(result->mutex_);
  result->count_ = count;
  return result;
}

absl::Status PredictionStore::Add(const std::vector<PredictionEntry>& entries) {
  if (entries.empty()) return absl::OkStatus();
  std::vector<Mutation> batch;
  for (const PredictionEntry& entry : entries) {
    const v1::LoggedPrediction& prediction = entry.prediction;
    batch.push_back(
        PutRecord(PredictionKey(prediction.prediction_id()), prediction));
    for (std::string& key : OrderKeys(prediction)) {
      batch.push_back({std::move(key), ""});
    }
    if (!entry.image.empty()) {
      batch.push_back({ImageKey(prediction.image_digest()), entry.image});
    }
  }
  MutexLock writing(writers_);
  RETURN_IF_ERROR(store_.Apply(std::move(batch)));
  MutexLock lock(mutex_);
  count_ += static_cast<int64_t>(entries.size());
  return absl::OkStatus();
}

absl::Status PredictionStore::AddOutcome(
    v1::LoggedPrediction& prediction) const {
  absl::StatusOr<v1::Outcome> outcome =
      GetRecord<v1::Outcome>(store_, OutcomeKey(prediction.image_digest()));
  if (absl::IsNotFound(outcome.status())) return absl::OkStatus();
  RETURN_IF_ERROR(outcome.status());
  *prediction.mutable_outcome() = *std::move(outcome);
  return absl::OkStatus();
}

absl::StatusOr<v1::LoggedPrediction> PredictionStore::Get(
    const std::string& id) const {
  absl::StatusOr<v1::LoggedPrediction> prediction =
      GetRecord<v1::LoggedPrediction>(store_, PredictionKey(id));
  if (absl::IsNotFound(prediction.status())) {
    return NoPrediction(
        absl::StrCat("there is no prediction ", Quoted(id),
                     " in the log; it may have been pruned. List the "
                     "predictions of its time to see what there is"),
        {{"prediction", id}});
  }
  RETURN_IF_ERROR(prediction.status());
  RETURN_IF_ERROR(AddOutcome(*prediction));
  return prediction;
}

absl::Status PredictionStore::Visit(const PredictionQuery& query,
                                    const std::string& start_after,
                                    const Visitor& visit) const {
  const std::string prefix = !query.image_digest.empty()
                                 ? ImagePrefix(query.image_digest)
                             : !query.model.empty() ? ModelPrefix(query.model)
                                                    : AllPrefix();
  const std::string end = TimeText(query.until);
  // A position of that time is greater than the bare time.
  const std::string start = std::max(start_after, TimeText(query.since));
  absl::Status damage;
  RETURN_IF_ERROR(store_.Scan(
      prefix, prefix + start, [&](std::string_view key, std::string_view) {
        const std::string position(key.substr(prefix.size()));
        if (position >= end) return false;
        absl::StatusOr<v1::LoggedPrediction> prediction =
            Get(KeyTail(position, 1));
        // Pruned since the scan began.
        if (absl::IsNotFound(prediction.status())) return true;
        damage = prediction.status();
        if (!damage.ok()) return false;
        if ((!query.model.empty() && prediction->model() != query.model) ||
            (query.version != 0 &&
             prediction->model_version() != query.version)) {
          return true;
        }
        return visit(position, *std::move(prediction));
      }));
  return damage;
}

absl::StatusOr<v1::Outcome> PredictionStore::RecordOutcome(
    const std::string& image_digest, const std::string& label, absl::Time now,
    const RequestEntry& entry) {
  MutexLock lock(writers_);
  bool predicted = false;
  RETURN_IF_ERROR(store_.Scan(ImagePrefix(image_digest), "",
                              [&](std::string_view, std::string_view) {
                                predicted = true;
                                return false;
                              }));
  if (!predicted) {
    return NoPrediction(
        absl::StrCat("no prediction of the image ", Quoted(image_digest),
                     " is in the log. The digest is that of the bytes that "
                     "were sent: see PredictResponse.image_digest"),
        {{"image", image_digest}});
  }
  absl::StatusOr<v1::Outcome> outcome =
      GetRecord<v1::Outcome>(store_, OutcomeKey(image_digest));
  if (absl::IsNotFound(outcome.status())) {
    outcome = v1::Outcome();
    outcome->set_image_digest(image_digest);
  }
  RETURN_IF_ERROR(outcome.status());
  if (outcome->label() == label) {
    RETURN_IF_ERROR(entry.Apply(store_, {}, *outcome));
    return outcome;
  }
  if (!outcome->label().empty()) outcome->add_earlier(outcome->label());
  outcome->set_label(label);
  *outcome->mutable_record_time() = TimestampOf(now);
  RETURN_IF_ERROR(entry.Apply(
      store_, {PutRecord(OutcomeKey(image_digest), *outcome)}, *outcome));
  return outcome;
}

absl::StatusOr<std::string> PredictionStore::GetImage(
    const std::string& digest) const {
  return store_.Get(ImageKey(digest));
}

absl::Status PredictionStore::PruneImage(const std::string& image,
                                         const std::vector<std::string>& pruned,
                                         std::vector<Mutation>& batch) const {
  bool is_last = true;
  const std::string prefix = ImagePrefix(image);
  RETURN_IF_ERROR(
      store_.Scan(prefix, "", [&](std::string_view key, std::string_view) {
        const std::string id = KeyTail(key.substr(prefix.size()), 1);
        is_last = std::binary_search(pruned.begin(), pruned.end(), id);
        return is_last;
      }));
  if (!is_last) return absl::OkStatus();
  batch.push_back(DeleteKey(OutcomeKey(image)));
  batch.push_back(DeleteKey(ImageKey(image)));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PredictionStore::Prune(const PredictionLimits& limits,
                                               absl::Time now) {
  MutexLock writing(writers_);
  const int64_t surplus = count() - limits.keep;
  const std::string oldest_kept = TimeText(now - limits.keep_for);
  std::vector<std::string> ids;
  RETURN_IF_ERROR(
      store_.Scan(AllPrefix(), "", [&](std::string_view key, std::string_view) {
        const std::string position = KeyTail(key, 1);
        const int64_t so_far = static_cast<int64_t>(ids.size());
        if (so_far >= surplus && position >= oldest_kept) return false;
        ids.push_back(KeyTail(position, 1));
        return ids.size() < kMaxPruned;
      }));
  if (ids.empty()) return 0;
  std::sort(ids.begin(), ids.end());
  std::vector<Mutation> batch;
  std::vector<std::string> images;
  for (const std::string& id : ids) {
    ASSIGN_OR_RETURN(
        const v1::LoggedPrediction prediction,
        GetRecord<v1::LoggedPrediction>(store_, PredictionKey(id)));
    images.push_back(prediction.image_digest());
    batch.push_back(DeleteKey(PredictionKey(id)));
    for (std::string& key : OrderKeys(prediction)) {
      batch.push_back(DeleteKey(std::move(key)));
    }
  }
  std::sort(images.begin(), images.end());
  images.erase(std::unique(images.begin(), images.end()), images.end());
  for (const std::string& image : images) {
    RETURN_IF_ERROR(PruneImage(image, ids, batch));
  }
  RETURN_IF_ERROR(store_.Apply(std::move(batch)));
  MutexLock lock(mutex_);
  count_ -= static_cast<int64_t>(ids.size());
  return static_cast<int64_t>(ids.size());
}

int64_t PredictionStore::count() const {
  MutexLock lock(mutex_);
  return count_;
}

}  // namespace nevus
