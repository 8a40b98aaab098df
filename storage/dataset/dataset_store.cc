#include "storage/dataset/dataset_store.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "storage/dataset/dataset_content.h"
#include "storage/dataset/dataset_keys.h"
#include "storage/dataset/draft_writer.h"
#include "storage/engine/record.h"
#include "storage/engine/timestamp.h"

namespace nevus {
namespace {

// The contract's limit (DatasetVersion.shared_images).
constexpr int kMostSharedImages = 100;

absl::Status DatasetNotFound(const std::string& dataset) {
  return WithReason(
      absl::NotFoundError(absl::StrCat("dataset ", Quoted(dataset),
                                       " is not there; import examples first")),
      "DATASET_NOT_FOUND", {{"dataset", dataset}});
}

absl::Status VersionNotFound(const std::string& dataset, int64_t version) {
  return WithReason(absl::NotFoundError(absl::StrCat(
                        "dataset ", Quoted(dataset), " has no version ",
                        version, "; seal it, or choose one that it has")),
                    "VERSION_NOT_FOUND",
                    {{"dataset", dataset}, {"version", absl::StrCat(version)}});
}

// The newest version number ever given to `dataset`; 0 if none was.
absl::StatusOr<int64_t> NewestNumber(const KeyValueStore& store,
                                     const std::string& dataset) {
  const std::string key = NewestVersionKey(dataset);
  const absl::StatusOr<std::string> text = GetText(store, key);
  if (absl::IsNotFound(text.status())) return 0;
  RETURN_IF_ERROR(text.status());
  int64_t number = 0;
  if (!absl::SimpleAtoi(*text, &number)) {
    return DamagedValue(key, "is no number");
  }
  return number;
}

void Count(const std::vector<v1::Example>& rows,
           google::protobuf::Map<std::string, int64_t>& counts) {
  counts.clear();
  for (const v1::Example& row : rows) ++counts[CountKey(row)];
}

// The keys of references that go, by the digest of their image.
using LostReferences =
    std::unordered_map<std::string, std::unordered_set<std::string>>;

// Adds to `batch` what frees the images of `lost` that no other reference
// keeps; returns their number.
absl::StatusOr<int64_t> FreeImages(const KeyValueStore& store,
                                   const LostReferences& lost,
                                   std::vector<Mutation>& batch) {
  int64_t freed = 0;
  for (const auto& entry : lost) {
    const std::string& digest = entry.first;
    const std::unordered_set<std::string>& references = entry.second;
    bool is_used = false;
    const auto keep = [&](std::string_view key, std::string_view) {
      is_used = references.count(std::string(key)) == 0;
      return !is_used;
    };
    RETURN_IF_ERROR(store.Scan(Key({"reference", digest, ""}), "", keep));
    for (const std::string& key : references) batch.push_back(DeleteKey(key));
    if (is_used) continue;
    batch.push_back(DeleteKey(ImageKey(digest)));
    ++freed;
  }
  return freed;
}

}  // namespace

absl::StatusOr<v1::Dataset> DatasetStore::GetRecordOf(
    const std::string& dataset) const {
  absl::StatusOr<v1::Dataset> record =
      GetRecord<v1::Dataset>(store_, DatasetKey(dataset));
  if (absl::IsNotFound(record.status())) return DatasetNotFound(dataset);
  return record;
}

absl::StatusOr<std::vector<v1::Example>> DatasetStore::ReadRows(
    const std::string& dataset, int64_t version) const {
  std::vector<v1::Example> rows;
  RETURN_IF_ERROR(
      ScanRecords<v1::Example>(store_, RowKey(dataset, version, ""), "",
                               [&](std::string_view, v1::Example row) {
                                 rows.push_back(std::move(row));
                                 return true;
                               }));
  return rows;
}

absl::StatusOr<std::vector<v1::ImportOutcome>> DatasetStore::Add(
    const std::string& dataset, std::vector<NewExample> examples,
    absl::Time now) {
  for (NewExample& added : examples) {
    added.example.set_image_digest(Sha256Hex(added.image));
  }
  MutexLock lock(writers_);
  absl::StatusOr<v1::Dataset> record = GetRecordOf(dataset);
  if (absl::IsNotFound(record.status())) {
    record.emplace();
    record->set_name(dataset);
    *record->mutable_create_time() = TimestampOf(now);
  }
  RETURN_IF_ERROR(record.status());

  DraftWriter draft(store_, *record);
  std::vector<v1::ImportOutcome> outcomes;
  for (NewExample& added : examples) {
    ASSIGN_OR_RETURN(v1::ImportOutcome outcome,
                     draft.Add(added.example, std::move(added.image)));
    outcomes.push_back(std::move(outcome));
  }
  std::vector<Mutation> batch = draft.TakeBatch();
  if (batch.empty()) return outcomes;
  batch.push_back(PutRecord(DatasetKey(dataset), *record));
  RETURN_IF_ERROR(store_.Apply(std::move(batch)));
  return outcomes;
}

absl::StatusOr<v1::Dataset> DatasetStore::SetSplits(
    const std::string& dataset, const std::map<std::string, v1::Split>& splits,
    const RequestEntry& entry) {
  MutexLock lock(writers_);
  ASSIGN_OR_RETURN(v1::Dataset changed, Get(dataset));
  ASSIGN_OR_RETURN(std::vector<v1::Example> rows, ReadRows(dataset, 0));
  std::vector<Mutation> batch;
  std::map<std::string, v1::Split> groups;
  size_t found = 0;
  for (v1::Example& row : rows) {
    const auto split = splits.find(row.id());
    if (split != splits.end()) {
      ++found;
      row.set_split(split->second);
      batch.push_back(PutRecord(RowKey(dataset, 0, row.id()), row));
    }
    if (row.group().empty()) continue;
    v1::Split& of_group = groups[row.group()];
    if (of_group == v1::SPLIT_UNSPECIFIED) of_group = row.split();
    if (row.split() != v1::SPLIT_UNSPECIFIED && row.split() != of_group) {
      return WithReason(absl::FailedPreconditionError(absl::StrCat(
                            "group ", Quoted(row.group()), " would stand in ",
                            SplitText(of_group), " and, with example ",
                            Quoted(row.id()), ", in ", SplitText(row.split()),
                            "; give all of a group the same split")),
                        "GROUP_IN_TWO_SPLITS", {{"id", row.id()}});
    }
  }
  if (found != splits.size()) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          splits.size() - found, " of ", splits.size(),
                          " ids are not in the draft of ", dataset,
                          "; name only examples that were imported")),
                      "EXAMPLE_NOT_FOUND");
  }
  for (const auto& [group, split] : groups) {
    const std::string key = GroupKey(dataset, group);
    batch.push_back(split == v1::SPLIT_UNSPECIFIED
                        ? DeleteKey(key)
                        : PutText(key, v1::Split_Name(split)));
  }
  Count(rows, *changed.mutable_draft_counts());
  v1::Dataset record = changed;
  record.clear_versions();
  batch.push_back(PutRecord(DatasetKey(dataset), record));
  RETURN_IF_ERROR(entry.Apply(store_, std::move(batch), changed));
  return changed;
}

absl::StatusOr<v1::DatasetVersion> DatasetStore::Seal(
    const std::string& dataset, absl::Time now, const RequestEntry& entry) {
  MutexLock lock(writers_);
  ASSIGN_OR_RETURN(const v1::Dataset current, Get(dataset));
  ASSIGN_OR_RETURN(const std::vector<v1::Example> rows, ReadRows(dataset, 0));
  if (rows.empty()) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "the draft of ", dataset, " is empty; import examples first")),
        "DATASET_EMPTY");
  }
  RETURN_IF_ERROR(CheckSplits(rows));
  v1::DatasetVersion sealed;
  sealed.set_digest(DatasetDigest(rows));
  if (!current.versions().empty() &&
      current.versions().rbegin()->digest() == sealed.digest()) {
    const v1::DatasetVersion& there = *current.versions().rbegin();
    RETURN_IF_ERROR(entry.Apply(store_, {}, there));
    return there;
  }
  ASSIGN_OR_RETURN(const int64_t newest, NewestNumber(store_, dataset));
  const int64_t version = newest + 1;
  sealed.set_dataset(dataset);
  sealed.set_version(version);
  sealed.set_examples(static_cast<int64_t>(rows.size()));
  Count(rows, *sealed.mutable_counts());
  *sealed.mutable_seal_time() = TimestampOf(now);

  std::vector<Mutation> batch;
  for (const v1::Example& row : rows) {
    sealed.set_synthetic(sealed.synthetic() || IsSynthetic(row));
    batch.push_back(PutRecord(RowKey(dataset, version, row.id()), row));
    batch.push_back({ReferenceKey(row.image_digest(), dataset, version), ""});
  }
  for (v1::SharedImage& shared : FindSharedImages(rows)) {
    if (sealed.shared_images_size() == kMostSharedImages) break;
    *sealed.add_shared_images() = std::move(shared);
  }
  batch.push_back(PutText(NewestVersionKey(dataset), absl::StrCat(version)));
  batch.push_back(PutRecord(VersionKey(dataset, version), sealed));
  RETURN_IF_ERROR(entry.Apply(store_, std::move(batch), sealed));
  return sealed;
}

absl::StatusOr<v1::Dataset> DatasetStore::Get(
    const std::string& dataset) const {
  ASSIGN_OR_RETURN(v1::Dataset result, GetRecordOf(dataset));
  RETURN_IF_ERROR(ScanRecords<v1::DatasetVersion>(
      store_, Key({"version", dataset, ""}), "",
      [&](std::string_view, v1::DatasetVersion version) {
        *result.add_versions() = std::move(version);
        return true;
      }));
  return result;
}

absl::StatusOr<std::vector<v1::Dataset>> DatasetStore::List(
    const std::string& start_after, int limit) const {
  std::vector<std::string> names;
  RETURN_IF_ERROR(store_.Scan(
      DatasetKey(""), start_after.empty() ? "" : DatasetKey(start_after),
      [&](std::string_view key, std::string_view) {
        names.push_back(KeyTail(key, 1));
        return static_cast<int>(names.size()) < limit;
      }));
  std::vector<v1::Dataset> datasets;
  for (const std::string& name : names) {
    absl::StatusOr<v1::Dataset> dataset = Get(name);
    // Deleted since its name was read.
    if (absl::IsNotFound(dataset.status())) continue;
    RETURN_IF_ERROR(dataset.status());
    datasets.push_back(*std::move(dataset));
  }
  return datasets;
}

absl::StatusOr<v1::DatasetVersion> DatasetStore::GetVersion(
    const std::string& dataset, int64_t version) const {
  RETURN_IF_ERROR(GetRecordOf(dataset).status());
  absl::StatusOr<v1::DatasetVersion> sealed =
      version < 1
          ? absl::NotFoundError("versions count from 1")
          : GetRecord<v1::DatasetVersion>(store_, VersionKey(dataset, version));
  if (absl::IsNotFound(sealed.status())) {
    return VersionNotFound(dataset, version);
  }
  return sealed;
}

absl::StatusOr<v1::DeleteDatasetResponse> DatasetStore::Delete(
    const std::string& dataset, int64_t version, const RequestEntry& entry) {
  MutexLock lock(writers_);
  ASSIGN_OR_RETURN(const v1::Dataset current, Get(dataset));
  std::vector<int64_t> versions = {version};
  std::vector<Mutation> batch;
  if (version != 0) {
    RETURN_IF_ERROR(GetVersion(dataset, version).status());
  } else {
    for (const v1::DatasetVersion& sealed : current.versions()) {
      versions.push_back(sealed.version());
    }
    batch.push_back(DeleteKey(DatasetKey(dataset)));
    batch.push_back(DeleteKey(NewestVersionKey(dataset)));
    RETURN_IF_ERROR(store_.Scan(GroupKey(dataset, ""), "",
                                [&](std::string_view key, std::string_view) {
                                  batch.push_back(DeleteKey(std::string(key)));
                                  return true;
                                }));
  }
  LostReferences lost;
  for (const int64_t gone : versions) {
    ASSIGN_OR_RETURN(const std::vector<v1::Example> rows,
                     ReadRows(dataset, gone));
    for (const v1::Example& row : rows) {
      batch.push_back(DeleteKey(RowKey(dataset, gone, row.id())));
      lost[row.image_digest()].insert(
          ReferenceKey(row.image_digest(), dataset, gone));
    }
    if (gone != 0) batch.push_back(DeleteKey(VersionKey(dataset, gone)));
  }
  ASSIGN_OR_RETURN(const int64_t freed, FreeImages(store_, lost, batch));
  v1::DeleteDatasetResponse answer;
  answer.set_images_freed(freed);
  RETURN_IF_ERROR(entry.Apply(store_, std::move(batch), answer));
  return answer;
}

absl::Status DatasetStore::ReadExamples(
    const std::string& dataset, int64_t version,
    const std::set<v1::Split>& splits,
    const std::function<bool(v1::Example)>& visit) const {
  RETURN_IF_ERROR(version == 0 ? GetRecordOf(dataset).status()
                               : GetVersion(dataset, version).status());
  return ScanRecords<v1::Example>(
      store_, RowKey(dataset, version, ""), "",
      [&](std::string_view, v1::Example row) {
        if (!splits.empty() && splits.count(row.split()) == 0) return true;
        return visit(std::move(row));
      });
}

absl::StatusOr<std::string> DatasetStore::GetImage(
    const std::string& digest) const {
  const std::string key = ImageKey(digest);
  absl::StatusOr<std::string> image = store_.Get(key);
  if (absl::IsNotFound(image.status())) {
    return WithReason(
        absl::NotFoundError(absl::StrCat("image ", Quoted(digest),
                                         " is not there; import it first")),
        "IMAGE_NOT_FOUND", {{"image_digest", digest}});
  }
  RETURN_IF_ERROR(image.status());
  if (Sha256Hex(*image) != digest) {
    return DamagedValue(key, "does not have the digest that names it");
  }
  return image;
}

}  // namespace nevus
