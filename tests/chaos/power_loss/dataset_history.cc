#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "storage/dataset/dataset_content.h"
#include "storage/dataset/dataset_store.h"
#include "storage/engine/record.h"
#include "tests/chaos/power_loss/histories.h"
#include "tests/chaos/power_loss/random.h"

namespace nevus {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr char kDataset[] = "skin";

class DatasetHistory : public History {
 public:
  std::string name() const override { return "ingestion"; }

  absl::Status Step(KeyValueStore& store, std::mt19937_64& random) override {
    DatasetStore datasets(store);
    const int64_t what = Draw(random, 0, 9);
    if (what < 6 || images_.empty()) return Import(datasets, random);
    if (what == 6) return Split(datasets, random);
    if (what == 7 && versions_.size() > 1) return Delete(datasets);
    return Seal(datasets);
  }

  absl::Status Check(KeyValueStore& store) override {
    const DatasetStore datasets(store);
    RETURN_IF_ERROR(CheckReferences(store));
    absl::StatusOr<v1::Dataset> dataset = datasets.Get(kDataset);
    if (absl::IsNotFound(dataset.status()) && images_.empty()) {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(dataset.status());
    std::map<std::string, std::string> draft;
    RETURN_IF_ERROR(
        datasets.ReadExamples(kDataset, 0, {}, [&](v1::Example row) {
          draft[row.id()] = row.image_digest();
          return true;
        }));
    for (const auto& [id, digest] : images_) {
      if (draft[id] != digest) {
        return absl::DataLossError("acknowledged example lost: " + id);
      }
    }
    std::map<int64_t, std::string> sealed;
    for (const v1::DatasetVersion& version : dataset->versions()) {
      RETURN_IF_ERROR(CheckVersion(datasets, version));
      sealed[version.version()] = version.digest();
    }
    for (const auto& [version, digest] : versions_) {
      if (version != deleting_ && sealed[version] != digest) {
        return absl::DataLossError(
            absl::StrCat("acknowledged version lost: ", version));
      }
    }
    images_ = std::move(draft);
    versions_ = std::move(sealed);
    deleting_ = 0;
    return absl::OkStatus();
  }

 private:
  absl::Status Import(DatasetStore& datasets, std::mt19937_64& random) {
    std::vector<NewExample> batch(static_cast<size_t>(Draw(random, 1, 8)));
    for (NewExample& added : batch) {
      added.example.set_id(absl::StrCat("image", next_++));
      added.example.set_label("nevus");
      added.example.set_group(absl::StrCat("patient", next_ / 3));
      added.image =
          DrawBytes(random, static_cast<size_t>(Draw(random, 100, 4000)));
    }
    const auto outcomes = datasets.Add(kDataset, batch, kNow);
    RETURN_IF_ERROR(outcomes.status());
    for (size_t i = 0; i < batch.size(); ++i) {
      if ((*outcomes)[i].result() != v1::ImportOutcome::TAKEN) {
        return absl::InternalError((*outcomes)[i].message());
      }
      images_[batch[i].example.id()] = Sha256Hex(batch[i].image);
    }
    return absl::OkStatus();
  }

  // The whole draft, group by group.
  absl::Status Split(DatasetStore& datasets, std::mt19937_64& random) {
    const uint64_t salt = random();
    std::map<std::string, v1::Split> splits;
    RETURN_IF_ERROR(
        datasets.ReadExamples(kDataset, 0, {}, [&](v1::Example row) {
          const uint64_t draw = Checksum64(absl::StrCat(row.group(), salt));
          splits[row.id()] = draw % 2 == 0 ? v1::TRAIN : v1::VALIDATION;
          return true;
        }));
    return datasets.SetSplits(kDataset, splits).status();
  }

  absl::Status Seal(DatasetStore& datasets) {
    ASSIGN_OR_RETURN(const v1::DatasetVersion sealed,
                     datasets.Seal(kDataset, kNow));
    versions_[sealed.version()] = sealed.digest();
    return absl::OkStatus();
  }

  absl::Status Delete(DatasetStore& datasets) {
    deleting_ = versions_.begin()->first;
    RETURN_IF_ERROR(datasets.Delete(kDataset, deleting_).status());
    versions_.erase(deleting_);
    deleting_ = 0;
    return absl::OkStatus();
  }

  // Sealed is whole: its rows have its digest.
  static absl::Status CheckVersion(const DatasetStore& datasets,
                                   const v1::DatasetVersion& version) {
    std::vector<v1::Example> rows;
    RETURN_IF_ERROR(datasets.ReadExamples(kDataset, version.version(), {},
                                          [&](v1::Example row) {
                                            rows.push_back(std::move(row));
                                            return true;
                                          }));
    if (static_cast<int64_t>(rows.size()) == version.examples() &&
        DatasetDigest(rows) == version.digest()) {
      return absl::OkStatus();
    }
    return absl::DataLossError(
        absl::StrCat("version ", version.version(), " is torn"));
  }

  // Each row's image is there, whole, and each image is some row's.
  static absl::Status CheckReferences(KeyValueStore& store) {
    const DatasetStore datasets(store);
    std::set<std::string> used, kept, referenced;
    RETURN_IF_ERROR(ScanRecords<v1::Example>(
        store, Key({"row", ""}), "", [&](std::string_view, v1::Example row) {
          used.insert(row.image_digest());
          return true;
        }));
    RETURN_IF_ERROR(store.Scan(Key({"image", ""}), "",
                               [&](std::string_view key, std::string_view) {
                                 kept.insert(KeyTail(key, 1));
                                 return true;
                               }));
    RETURN_IF_ERROR(store.Scan(Key({"reference", ""}), "",
                               [&](std::string_view key, std::string_view) {
                                 referenced.insert(
                                     KeyTail(key, 1).substr(0, 64));
                                 return true;
                               }));
    if (used != kept || used != referenced) {
      return absl::DataLossError(
          absl::StrCat("rows use ", used.size(), " images, ", kept.size(),
                       " are kept and ", referenced.size(), " referenced"));
    }
    for (const std::string& digest : used) {
      RETURN_IF_ERROR(datasets.GetImage(digest).status());
    }
    return absl::OkStatus();
  }

  int next_ = 0;
  // Acknowledged: examples of the draft by id, and versions, with their digest.
  std::map<std::string, std::string> images_;
  std::map<int64_t, std::string> versions_;
  int64_t deleting_ = 0;  // the version whose deletion was not acknowledged
};

}  // namespace

std::unique_ptr<History> NewDatasetHistory() {
  return std::make_unique<DatasetHistory>();
}

}  // namespace nevus
