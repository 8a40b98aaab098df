// Keeps images and datasets: the draft of each dataset, its sealed versions,
// and every image once, under its digest. The first store on the way image ->
// dataset
// -> feature -> model -> prediction; it takes images for bytes and decodes
// none.
//
// What is always true, also after a crash: every row's image is there; an image
// that no row uses is not; a sealed version never changes.
#ifndef NEVUS_STORAGE_DATASET_DATASET_STORE_H_
#define NEVUS_STORAGE_DATASET_DATASET_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "protos/nevus/v1/dataset.pb.h"
#include "storage/engine/key_value_store.h"
#include "storage/engine/request_log.h"

namespace nevus {

// A row for the draft with its image's bytes. The row's image_digest is
// ignored.
struct NewExample {
  v1::Example example;
  std::string image;
};

// Thread-safe. Writers wait for each other, over their disk writes too: what
// they decide rests on what is stored. Readers wait for nobody.
//
// Errors of all: NOT_FOUND (DATASET_NOT_FOUND, VERSION_NOT_FOUND,
// IMAGE_NOT_FOUND); DATA_LOSS naming the key. What takes a RequestEntry writes
// the rpc's answer there, with the change.
class DatasetStore {
 public:
  // `store` must outlive this.
  explicit DatasetStore(KeyValueStore& store) : store_(store) {}

  // Adds what can be added to the draft of `dataset`, all in one synced batch,
  // and says what became of each, in order. A dataset begins with its first
  // example. REFUSED, with its reason: EXAMPLE_CONFLICT: the id is there with
  // other content; GROUP_IN_TWO_SPLITS: the group stands in another split. The
  // same holds between the examples of one call. REQUIRES: ids are checked by
  // CheckExampleId, the dataset's name by CheckName.
  absl::StatusOr<std::vector<v1::ImportOutcome>> Add(
      const std::string& dataset, std::vector<NewExample> examples,
      absl::Time now);

  // Gives each row of the draft that `splits` names that split; returns the
  // dataset as it is then. INVALID_ARGUMENT: an id that is not there;
  // FAILED_PRECONDITION: GROUP_IN_TWO_SPLITS.
  absl::StatusOr<v1::Dataset> SetSplits(
      const std::string& dataset,
      const std::map<std::string, v1::Split>& splits,
      const RequestEntry& entry = {});

  // Makes the next version of the draft, or returns the newest if that has the
  // same content. FAILED_PRECONDITION: DATASET_EMPTY;
  // GROUP_IN_TWO_SPLITS, naming two ids.
  absl::StatusOr<v1::DatasetVersion> Seal(const std::string& dataset,
                                          absl::Time now,
                                          const RequestEntry& entry = {});

  absl::StatusOr<v1::Dataset> Get(const std::string& dataset) const;
  // The first `limit` datasets after the name `start_after`, in order of name.
  absl::StatusOr<std::vector<v1::Dataset>> List(const std::string& start_after,
                                                int limit) const;
  absl::StatusOr<v1::DatasetVersion> GetVersion(const std::string& dataset,
                                                int64_t version) const;

  // Deletes one version, or, if `version` is 0, the dataset with its draft and
  // all versions. Says how many images were freed because nothing else uses
  // them.
  absl::StatusOr<v1::DeleteDatasetResponse> Delete(
      const std::string& dataset, int64_t version,
      const RequestEntry& entry = {});

  // Calls `visit` with the rows of `version` (0: of the draft) that are in one
  // of `splits` (empty: all rows), in order of id, until it returns false.
  absl::Status ReadExamples(
      const std::string& dataset, int64_t version,
      const std::set<v1::Split>& splits,
      const std::function<bool(v1::Example)>& visit) const;

  // The bytes of an image, which have `digest` still.
  absl::StatusOr<std::string> GetImage(const std::string& digest) const;

 private:
  absl::StatusOr<v1::Dataset> GetRecordOf(const std::string& dataset) const;
  absl::StatusOr<std::vector<v1::Example>> ReadRows(const std::string& dataset,
                                                    int64_t version) const;

  KeyValueStore& store_;
  Mutex writers_;
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_DATASET_DATASET_STORE_H_
