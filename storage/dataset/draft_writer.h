// Collects what one call changes in a draft, so that it is written in one
// batch. A step of DatasetStore::Add: stored rows and those of the same call
// count alike.
#ifndef NEVUS_STORAGE_DATASET_DRAFT_WRITER_H_
#define NEVUS_STORAGE_DATASET_DRAFT_WRITER_H_

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/nevus/v1/dataset.pb.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

// Thread-compatible. `store` does not change while this lives.
class DraftWriter {
 public:
  // `record` is the dataset's record, whose counts are kept up to date.
  DraftWriter(const KeyValueStore& store, v1::Dataset& record)
      : store_(store), record_(record) {}

  // Decides about `row`, whose image_digest is set, and notes what it changes.
  absl::StatusOr<v1::ImportOutcome> Add(const v1::Example& row,
                                        std::string image);

  // What is to be written, without the dataset's record. Empty: nothing
  // changes.
  std::vector<Mutation> TakeBatch() { return std::move(batch_); }

 private:
  absl::StatusOr<const v1::Example*> FindRow(const std::string& id);
  // The split of `group`; SPLIT_UNSPECIFIED if it stands in none.
  absl::StatusOr<v1::Split> FindSplit(const std::string& group);
  absl::Status Take(const v1::Example& row, std::string image);
  absl::Status TakeImage(const std::string& digest, std::string image);

  const KeyValueStore& store_;
  v1::Dataset& record_;
  std::vector<Mutation> batch_;
  // As they stand with the batch. A pointer to a row holds while this lives.
  std::unordered_map<std::string, v1::Example> rows_;
  std::unordered_map<std::string, v1::Split> groups_;
  std::unordered_set<std::string> images_;
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_DATASET_DRAFT_WRITER_H_
