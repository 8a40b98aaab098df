#include "storage/feature/feature_store.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/packed_floats.h"
#include "base/status.h"
#include "storage/engine/fence.h"
#include "storage/engine/record.h"
#include "storage/engine/timestamp.h"

namespace nevus {
namespace {

std::string SpaceKey(const std::string& space) { return Key({"space", space}); }
// Empty: the feature is there. Apart from the values, so that what is missing
// is found without reading them.
std::string PresenceKey(const std::string& space, const std::string& image) {
  return Key({"present", space, image});
}
std::string ValuesKey(const std::string& space, const std::string& image) {
  return Key({"feature", space, image});
}

// Features deleted in one batch: it is held in memory.
constexpr size_t kDeletedTogether = 10'000;

absl::Status Invalid(const std::string& reason, const std::string& message) {
  return WithReason(absl::InvalidArgumentError(message), reason);
}

absl::Status CheckFeature(const v1::FeatureSpace& space,
                          const v1::Feature& feature) {
  if (!IsSha256Hex(feature.image_digest())) {
    return Invalid(
        "FEATURE_INVALID",
        absl::StrCat("a feature is of image ", Quoted(feature.image_digest()),
                     "; an image is named by 64 hex digits"));
  }
  if (feature.values_size() != space.dimension()) {
    return Invalid(
        "FEATURE_INVALID",
        absl::StrCat("the feature of image ", feature.image_digest(), " has ",
                     feature.values_size(), " numbers; in this space it has ",
                     space.dimension()));
  }
  for (int i = 0; i < feature.values_size(); ++i) {
    if (!std::isfinite(feature.values(i))) {
      return Invalid("FEATURE_INVALID",
                     absl::StrCat("number ", i, " of the feature of image ",
                                  feature.image_digest(), " is ",
                                  feature.values(i), "; all must be finite"));
    }
  }
  return absl::OkStatus();
}

// What a value holds, packed. Those of the first format are float32 without a
// code before them, which no packed value is as long as.
absl::StatusOr<std::string> PackedOf(const std::string& key,
                                     std::string_view bytes, size_t dimension) {
  if (IsPacked(bytes, dimension)) return std::string(bytes);
  if (bytes.size() == sizeof(float) * dimension) return PackRawFloats(bytes);
  return DamagedValue(key, absl::StrCat("has ", bytes.size(),
                                        " bytes, which are no feature of ",
                                        dimension, " numbers"));
}

bool Agree(const v1::FeatureSpace& a, const v1::FeatureSpace& b) {
  return a.backbone_digest() == b.backbone_digest() && a.cut() == b.cut() &&
         a.pooling() == b.pooling() && a.arithmetic() == b.arithmetic() &&
         a.input_size() == b.input_size() &&
         a.normalization() == b.normalization() && a.views() == b.views() &&
         a.values() == b.values() && a.dimension() == b.dimension();
}

}  // namespace

absl::StatusOr<v1::FeatureSpace> FeatureStore::FindOrBegin(
    const v1::FeatureSpace& space, absl::Time now) const {
  if (!IsSha256Hex(space.digest()) || space.dimension() < 1) {
    return Invalid("FEATURE_SPACE_INVALID",
                   absl::StrCat("feature space ", Quoted(space.digest()),
                                " of dimension ", space.dimension(),
                                " cannot be; it has a digest of 64 hex digits ",
                                "and at least one number"));
  }
  absl::StatusOr<v1::FeatureSpace> stored = GetSpace(space.digest());
  if (absl::IsNotFound(stored.status())) {
    v1::FeatureSpace begun = space;
    begun.set_features(0);
    begun.set_stored_bytes(0);
    *begun.mutable_create_time() = TimestampOf(now);
    return begun;
  }
  if (stored.ok() && !Agree(*stored, space)) {
    return Invalid("FEATURE_SPACE_INVALID",
                   absl::StrCat("feature space ", space.digest(),
                                " is not what its digest stands for here; ",
                                "compute the digest over its fields"));
  }
  return stored;
}

absl::Status FeatureStore::Write(const v1::FeatureSpace& space,
                                 const std::vector<v1::Feature>& features,
                                 const v1::Lease& lease, absl::Time now) {
  for (const v1::Feature& feature : features) {
    RETURN_IF_ERROR(CheckFeature(space, feature));
  }
  MutexLock lock(writers_);
  std::vector<Mutation> batch;
  RETURN_IF_ERROR(CheckFence(store_, lease, batch));
  ASSIGN_OR_RETURN(v1::FeatureSpace record, FindOrBegin(space, now));
  std::unordered_set<std::string> added;
  int64_t bytes = 0;
  for (const v1::Feature& feature : features) {
    const std::string& image = feature.image_digest();
    const std::string presence = PresenceKey(space.digest(), image);
    ASSIGN_OR_RETURN(const bool is_there, Contains(store_, presence));
    if (is_there || !added.insert(image).second) continue;
    std::string value = WithChecksum(
        PackFloats(feature.values().data(), feature.values().size()));
    bytes += static_cast<int64_t>(value.size());
    batch.push_back({presence, ""});
    batch.push_back({ValuesKey(space.digest(), image), std::move(value)});
  }
  if (!added.empty()) {
    record.set_features(record.features() + static_cast<int64_t>(added.size()));
    record.set_stored_bytes(record.stored_bytes() + bytes);
    batch.push_back(PutRecord(SpaceKey(space.digest()), record));
  }
  if (batch.empty()) return absl::OkStatus();
  return store_.Apply(std::move(batch));
}

absl::StatusOr<std::vector<std::string>> FeatureStore::FindMissing(
    const std::string& space, const std::vector<std::string>& images) const {
  std::vector<std::string> missing;
  std::unordered_set<std::string> asked;
  for (const std::string& image : images) {
    if (!asked.insert(image).second) continue;
    ASSIGN_OR_RETURN(const bool is_there,
                     Contains(store_, PresenceKey(space, image)));
    if (!is_there) missing.push_back(image);
  }
  return missing;
}

absl::Status FeatureStore::Read(
    const std::string& space, const std::vector<std::string>& images,
    const std::function<bool(v1::Feature)>& visit) const {
  return ReadPacked(space, images, [&](v1::Feature feature) {
    const std::string packed = std::move(*feature.mutable_packed());
    feature.clear_packed();
    const size_t count = PackedCount(packed);
    feature.mutable_values()->Resize(static_cast<int>(count), 0);
    UnpackFloats(packed, count, feature.mutable_values()->mutable_data());
    return visit(std::move(feature));
  });
}

absl::Status FeatureStore::ReadPacked(
    const std::string& space, const std::vector<std::string>& images,
    const std::function<bool(v1::Feature)>& visit) const {
  ASSIGN_OR_RETURN(const v1::FeatureSpace record, GetSpace(space));
  for (const std::string& image : images) {
    const std::string key = ValuesKey(space, image);
    const absl::StatusOr<std::string> value = store_.Get(key);
    if (absl::IsNotFound(value.status())) {
      return WithReason(
          absl::NotFoundError(absl::StrCat("image ", Quoted(image),
                                           " has no feature in space ", space,
                                           "; extract its dataset first")),
          "FEATURE_NOT_FOUND", {{"image_digest", image}});
    }
    RETURN_IF_ERROR(value.status());
    ASSIGN_OR_RETURN(const std::string_view bytes, CheckedBytes(key, *value));
    v1::Feature feature;
    feature.set_image_digest(image);
    ASSIGN_OR_RETURN(*feature.mutable_packed(),
                     PackedOf(key, bytes, record.dimension()));
    if (!visit(std::move(feature))) break;
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::DeleteFeatureSpaceResponse> FeatureStore::DeleteSpace(
    const std::string& digest, const RequestEntry& entry) {
  MutexLock lock(writers_);
  ASSIGN_OR_RETURN(v1::FeatureSpace record, GetSpace(digest));
  v1::DeleteFeatureSpaceResponse response;
  *response.mutable_space() = record;
  while (true) {
    std::vector<Mutation> batch;
    RETURN_IF_ERROR(store_.Scan(
        PresenceKey(digest, ""), "",
        [&](std::string_view key, std::string_view) {
          batch.push_back(DeleteKey(ValuesKey(digest, KeyTail(key, 2))));
          batch.push_back(DeleteKey(std::string(key)));
          return batch.size() < 2 * kDeletedTogether;
        }));
    if (batch.size() < 2 * kDeletedTogether) {
      batch.push_back(DeleteKey(SpaceKey(digest)));
      RETURN_IF_ERROR(entry.Apply(store_, std::move(batch), response));
      return response;
    }
    // Broken off here, what is said of the space is still true.
    record.set_stored_bytes(record.stored_bytes() -
                            record.stored_bytes() *
                                static_cast<int64_t>(kDeletedTogether) /
                                std::max<int64_t>(record.features(), 1));
    record.set_features(record.features() -
                        static_cast<int64_t>(kDeletedTogether));
    batch.push_back(PutRecord(SpaceKey(digest), record));
    RETURN_IF_ERROR(store_.Apply(std::move(batch)));
  }
}

std::string FeatureStore::ValuesPrefix(const std::string& digest) {
  return ValuesKey(digest, "");
}

absl::StatusOr<v1::FeatureSpace> FeatureStore::GetSpace(
    const std::string& digest) const {
  absl::StatusOr<v1::FeatureSpace> space =
      GetRecord<v1::FeatureSpace>(store_, SpaceKey(digest));
  if (absl::IsNotFound(space.status())) {
    return WithReason(absl::NotFoundError(absl::StrCat(
                          "feature space ", Quoted(digest),
                          " holds no features; extract a ", "dataset first")),
                      "FEATURE_SPACE_NOT_FOUND", {{"feature_space", digest}});
  }
  return space;
}

absl::StatusOr<std::vector<v1::FeatureSpace>> FeatureStore::ListSpaces() const {
  std::vector<v1::FeatureSpace> spaces;
  RETURN_IF_ERROR(ScanRecords<v1::FeatureSpace>(
      store_, SpaceKey(""), "", [&](std::string_view, v1::FeatureSpace space) {
        spaces.push_back(std::move(space));
        return true;
      }));
  return spaces;
}

}  // namespace nevus
